//go:build ignore

// Command asm writes the amd64 kernels of package cpu: for each instruction
// set an assembly file and the Go declarations of its functions.
//
//	go run asm/*.go [-dir folder]
package main

import (
	"flag"
	"log"
	"os"
	"path/filepath"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/printer"
)

func main() {
	log.SetFlags(0)
	dir := flag.String("dir", ".", "folder to write to")
	flag.Parse()

	for _, set := range []instructionSet{avx2, avx512} {
		ctx := build.NewContext()
		ctx.ConstraintExpr("!purego")
		for _, double := range []bool{false, true} {
			k := &kernel{Context: ctx, instructionSet: set, double: double}
			k.step()
			k.backpropagate()
			k.addOuterProducts()
			k.update()
			k.tanh()
			k.multiplyAdds()
			k.loads()
			if double {
				k.odds()
				k.normals()
			}
		}
		file, err := ctx.Result()
		if err != nil {
			log.Fatal(err)
		}
		if err := pass.Compile.Execute(file); err != nil {
			log.Fatal(err)
		}
		config := printer.Config{Name: "go run asm/*.go", Pkg: "cpu"}
		for ext, p := range map[string]printer.Printer{".s": printer.NewGoAsm(config), ".go": printer.NewStubs(config)} {
			text, err := p.Print(file)
			if err != nil {
				log.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(*dir, set.name+"_amd64"+ext), text, 0o666); err != nil {
				log.Fatal(err)
			}
		}
	}
}
