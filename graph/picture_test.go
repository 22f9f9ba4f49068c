package graph

import (
	"bytes"
	"crypto/sha256"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gorgonia.org/gorgonia"
)

var update = flag.Bool("update", false, "write docs/graph.dot and docs/graph.svg; needs Graphviz")

const (
	dotFile = "../docs/graph.dot"
	svgFile = "../docs/graph.svg"
)

// TestGeneratedGraphPicture holds the committed drawing of two unrolled steps to
// the graph: the DOT file is what the graph's nodes give, and the SVG file was
// drawn from that DOT file, whose hash it carries.
func TestGeneratedGraphPicture(t *testing.T) {
	dot := picture(t)
	stamp := fmt.Sprintf("<!-- drawn by Graphviz from graph.dot, SHA-256 %x -->\n", sha256.Sum256(dot))
	if *update {
		command := exec.Command("dot", "-Tsvg")
		command.Stdin = bytes.NewReader(dot)
		svg, err := command.Output()
		if err != nil {
			t.Fatalf("drawing with Graphviz's dot: %v", err)
		}
		// Only the drawing itself, without the tool's version and page size.
		svg = regexp.MustCompile(`(?s)<\?xml.*?(<svg )`).ReplaceAll(svg, []byte("$1"))
		svg = regexp.MustCompile(`<svg width="\d+pt" height="\d+pt"`).ReplaceAll(svg, []byte("<svg"))
		svg = bytes.ReplaceAll(svg, []byte(`"transparent"`), []byte(`"none"`))
		for name, data := range map[string][]byte{dotFile: dot, svgFile: append([]byte(stamp), svg...)} {
			if err := os.WriteFile(name, data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	const remedy = "run go test ./graph -run TestGeneratedGraphPicture -update"
	if got, err := os.ReadFile(dotFile); err != nil || !bytes.Equal(got, dot) {
		t.Errorf("docs/graph.dot is not what the graph gives (%v): %s", err, remedy)
	}
	if got, err := os.ReadFile(svgFile); err != nil || !strings.HasPrefix(string(got), stamp) {
		t.Errorf("docs/graph.svg was not drawn from this graph.dot (%v): %s", err, remedy)
	}
}

// picture returns the graph of two steps, in Graphviz's language: a
// box for every op. Leaves and constants stand within the boxes of the ops that
// read them, because lines to six parameters from everywhere would hide the rest.
func picture(t *testing.T) []byte {
	u, err := unroll[float64](RNN{}, 3, 2, ofLogarithm, naming)
	if err != nil {
		t.Fatal(err)
	}
	needed := map[*gorgonia.Node]bool{}
	var need func(n *gorgonia.Node)
	need = func(n *gorgonia.Node) {
		if !needed[n] {
			needed[n] = true
			for _, c := range children(u.graph, n) {
				need(c)
			}
		}
	}
	for _, n := range slices.Concat(gorgonia.Nodes{u.loss}, u.gradient, u.outgoing) {
		need(n)
	}
	names := map[*gorgonia.Node]string{u.loss: "L", u.first[0]: "h" + subscripts[0], u.incoming[0]: "λ", u.outgoing[0]: "dh" + subscripts[0]}
	for i, name := range []string{"W_ih", "W_hh", "b_ih", "b_hh", "W_out", "b_out"} {
		names[u.parameters[i]] = name
		names[u.gradient[i]] = strings.TrimPrefix(names[u.gradient[i]]+", d"+name, ", ")
	}
	for step := range u.state {
		names[u.input[step]] = "x" + subscripts[step+1]
		names[u.weight[step]] = "w" + subscripts[step+1]
		names[u.state[step][0]] = "h" + subscripts[step+1]
		names[u.softmax[step]] = "log a" + subscripts[step+1]
	}

	var b bytes.Buffer
	b.WriteString(header)
	for i, n := range u.graph.AllNodes() {
		if stands(n) {
			continue
		}
		style := forward
		if !needed[n] {
			style = dead
		} else if i >= u.forward {
			style = backward
		}
		label := expression(u.graph, n, names)
		if name := names[n]; name != "" {
			label = name + " = " + label
			style += ", penwidth=2"
		}
		fmt.Fprintf(&b, "\tn%d [label=\"%s\", %s];\n", n.ID(), label, style)
		for _, c := range children(u.graph, n) {
			if !stands(c) {
				fmt.Fprintf(&b, "\tn%d -> n%d;\n", c.ID(), n.ID())
			}
		}
	}
	b.WriteString("}\n")
	return b.Bytes()
}

var subscripts = []string{"₀", "₁", "₂"}

const (
	forward  = `fillcolor="#d7e8f8", color="#2b6ca3"`
	backward = `fillcolor="#fde3cf", color="#b8560f"`
	dead     = `fillcolor="white", color="#ced4da", fontcolor="#868e96", style="rounded,filled,dashed"`
	header   = `digraph unrolled {
	rankdir=BT; nodesep=0.2; ranksep=0.3; bgcolor=white; fontname="Helvetica"; fontsize=12; labelloc=b;
	label=<<table border="0" cellborder="1" cellspacing="6" cellpadding="4"><tr>
		<td style="rounded" bgcolor="#d7e8f8" color="#2b6ca3">the model</td>
		<td style="rounded" bgcolor="#fde3cf" color="#b8560f">what Grad adds</td>
		<td style="rounded,dashed" color="#ced4da"><font color="#868e96">what Grad adds and nothing needs</font></td>
		<td border="0">· is what a line brings</td>
	</tr></table>>;
	node [shape=box, style="rounded,filled", fontname="Helvetica", fontsize=12, height=0.3, width=0.4, margin="0.08,0.03"];
	edge [color="#868e96", arrowsize=0.5];
`
)

// stands reports whether a node stands in the boxes of the ops that read it: a
// parameter, an input or a constant.
func stands(n *gorgonia.Node) bool {
	return n.Op() == nil || strings.HasPrefix(n.Op().String(), "const")
}

func children(g *gorgonia.ExprGraph, n *gorgonia.Node) (list gorgonia.Nodes) {
	for it := g.From(n.ID()); it.Next(); {
		list = append(list, it.Node().(*gorgonia.Node))
	}
	return list
}

// expression returns a node's op with those of its arguments that have a name; a
// point stands for the others.
func expression(g *gorgonia.ExprGraph, n *gorgonia.Node, names map[*gorgonia.Node]string) string {
	var args []any
	for _, c := range children(g, n) {
		switch name, ok := names[c]; {
		case ok:
			args = append(args, name)
		case stands(c):
			args = append(args, strings.NewReplacer("const ", "", "-", "−").Replace(c.Name()))
		default:
			args = append(args, "·")
		}
	}
	op := n.Op().String()
	for _, form := range []struct{ prefix, format string }{
		{"A × b", "%s %s"}, {"a ⋅ b", "%s · %s"}, {"Aᵀ × b", "%sᵀ %s"}, {"a ⊗ b", "%s ⊗ %s"},
		{"+", "%s + %s"}, {"-", "%s − %s"}, {"⊙", "%s ⊙ %s"}, {"tanh", "tanh %s"},
		{"SoftmaxDiff", "log softmax′"}, {"Softmax", "log softmax %s"},
	} {
		if strings.HasPrefix(op, form.prefix) {
			return fmt.Sprintf(form.format, args[:strings.Count(form.format, "%s")]...)
		}
	}
	panic("an op that the picture has no form for: " + op)
}
