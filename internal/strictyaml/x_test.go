package strictyaml
import ("testing";"fmt";"strings";"time"
 "github.com/goccy/go-yaml";"github.com/goccy/go-yaml/parser")
type In struct { Blocks int `yaml:"blocks"`; S []float64 `yaml:"strengths"`; P *int `yaml:"p"`}
type C struct { LR float64 `yaml:"lr"`; N int `yaml:"n"`; F32 float32 `yaml:"f32"`; U uint8 `yaml:"u"`; S string `yaml:"s"`; B bool `yaml:"b"`; Task In `yaml:"task"`; M map[string]int `yaml:"m"`; D time.Duration `yaml:"d"`}
func TestX(t *testing.T){
 for _, s := range []string{"lr: 1e-3","lr: .5","lr: 1_000","n: 010","n: 0o10","n: 1.5","n: 1.0","n: 1e3","n: \"4\"","n: abc","lr: abc","lr: \"0.5\"","b: yes","b: 1","b: \"true\"","s: 3","s: true","s: null","n: null","n:","n: ~","lr:","task:","task: 3","task:\n  blocs: 3","task:\n  strengths: 3","task:\n  strengths: [1, a]","task:\n  strengths: [1, null]","u: 300","u: -1","n: 99999999999999999999","lr: 1e999","lr: .inf","lr: .nan","m: {a: 1, a: 2}","n: 1\nn: 2","n: 1\n---\nn: 2","n: 1\n...\nfoo","---\nn: 1","","# c","[1]","3","a: &x 1","n: &x 1\nlr: *x","<<: {n: 2}","n: !!int \"3\"","s: !!binary aGk=","{n: 3}","n: 3\n\tlr: 2","n: [","n: 1 2","\"n\": 4","? n\n: 3","1: 2","null: 3","m: {1: 2}","m: {x: abc}","d: 3s","N: 5", "n: 3 # c", "n: 0x1F","lr: 0x1F","lr: 1:30", "s: 2001-01-01","s: >\n abc","n: |\n 3","\xff: 2","%YAML 1.1\n---\nn: 3", "n: 1\r\nlr: 2\r\n", "\ufeffn: 1","n: -0", "n: +3","task.blocks: 3","f32: 0.1","f32: 1e300", "n: 9223372036854775808","u: 3.7"} {
  var c C; c.N=77; c.LR=.25
  func(){ defer func(){ if r:=recover();r!=nil{fmt.Printf("PANIC %q %v\n",s,r)}}()
  err := yaml.UnmarshalWithOptions([]byte(s), &c, yaml.Strict())
  if e, ok := err.(yaml.Error); ok { tk:=e.GetToken(); p:=""; if tk!=nil {p=fmt.Sprint(tk.Position)}; fmt.Printf("%q -> %T %s %v\n", s, err, e.GetMessage(), p) } else if err!=nil { fmt.Printf("%q -> PLAIN %T %v\n", s, err, err)} else { fmt.Printf("%q -> %+v\n", s, c)}
  }()
 }
 b, err := yaml.Marshal(C{LR:1e-3,F32:.1,S:"no",Task:In{S:[]float64{0,1,1e-9,1e300,5e-324,.1+.2,1e21,123456789012}}, M: map[string]int{"b":1,"a":2,"c":3}})
 fmt.Println(string(b), err)
 for _, n := range []int{1000,10000,100000,500000} {
  for _, u := range []string{"[","- ","{a: ","? ","&a ","!!x ", "a: ", "- - \n", "\n", "a:\n","'"} {
  if n > 10000 && u!="[" {continue}
  t0:=time.Now(); _, err := parser.ParseBytes([]byte(strings.Repeat(u,n)), 0); d:=time.Since(t0)
  es:=""; if err!=nil {es=err.Error(); if len(es)>50 {es=es[:50]}}
  fmt.Printf("%q %d %v %q\n",u,n,d,es)
  if d>20*time.Second {break}
 }}
}
