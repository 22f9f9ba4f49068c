package npz

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

const (
	magic     = "\x93NUMPY"
	maxHeader = 1 << 16 // bytes; longer ones exist for structured dtypes only
	maxDims   = 64      // NumPy's own limit
)

// header is what stands before an array's data in an .npy file.
type header struct {
	descr   string // the dtype: byte order, kind, bytes an element; "<f8"
	fortran bool   // column-major data
	shape   []int  // none for a scalar
	size    int64  // bytes of the header itself, data excluded
}

// kinds lists the dtypes that this package reads, without their byte order.
var kinds = map[string]bool{
	"f4": true, "f8": true, "b1": true,
	"i1": true, "i2": true, "i4": true, "i8": true,
	"u1": true, "u2": true, "u4": true,
}

// itemSize returns the bytes of one element.
func (h *header) itemSize() int { return int(h.descr[2] - '0') }

// elements returns the product of the shape, which readHeader has checked.
func (h *header) elements() int {
	n := 1
	for _, dim := range h.shape {
		n *= dim
	}
	return n
}

// readHeader reads an .npy header and leaves r at the first byte of the data.
// The header it returns has a dtype in kinds and a size in bytes that fits in
// an int, even with dimensions of 0 left out.
func readHeader(r io.Reader) (*header, error) {
	var prefix [12]byte
	if _, err := io.ReadFull(r, prefix[:10]); err != nil {
		return nil, truncated(err)
	}
	if string(prefix[:6]) != magic {
		return nil, errors.New("not an .npy array: it does not begin with \\x93NUMPY")
	}
	size, length := 10, 0
	switch prefix[6] {
	case 1:
		length = int(binary.LittleEndian.Uint16(prefix[8:]))
	case 2, 3:
		if _, err := io.ReadFull(r, prefix[10:]); err != nil {
			return nil, truncated(err)
		}
		size = 12
		if n := binary.LittleEndian.Uint32(prefix[8:]); n <= maxHeader {
			length = int(n)
		} else {
			return nil, fmt.Errorf("an .npy header of %d bytes, above %d", n, maxHeader)
		}
	default:
		return nil, fmt.Errorf(".npy version %d.%d, not 1.0, 2.0 or 3.0", prefix[6], prefix[7])
	}
	text := make([]byte, length)
	if _, err := io.ReadFull(r, text); err != nil {
		return nil, truncated(err)
	}
	h, err := parseHeader(string(text))
	if err != nil {
		return nil, err
	}
	h.size = int64(size + length)
	return h, checkHeader(h)
}

func checkHeader(h *header) error {
	switch d := h.descr; {
	case strings.Contains(d, "O"):
		return errors.New("an array of Python objects; pickled objects are never loaded")
	case len(d) != 3 || !kinds[d[1:]] || !strings.Contains("<>|", d[:1]) || (d[0] == '|') != (d[2] == '1'):
		return fmt.Errorf("dtype %.40q, which is not a real, integer or bool type that is read here", d)
	}
	bytes := h.itemSize()
	for _, dim := range h.shape {
		if dim > 0 && bytes > math.MaxInt/dim {
			return fmt.Errorf("shape %v, which no memory holds", h.shape)
		}
		bytes *= max(dim, 1)
	}
	return nil
}

// parseHeader parses the Python dictionary of a header. It takes what NumPy
// writes and what other libraries vary of it: the order of the keys, the
// quotes, blanks, and trailing commas. Everything else is refused.
func parseHeader(text string) (*header, error) {
	p := parser{rest: text}
	h := &header{}
	seen := map[string]bool{}
	p.expect("{")
	for p.err == nil && !p.accept("}") {
		key := p.text()
		p.expect(":")
		if seen[key] {
			p.fail("key %q twice", key)
		}
		seen[key] = true
		switch key {
		case "descr":
			h.descr = p.descr()
		case "fortran_order":
			h.fortran = p.bool()
		case "shape":
			h.shape = p.tuple()
		default:
			p.fail("unknown key %.40q", key)
		}
		if !p.accept(",") {
			p.expect("}")
			break
		}
	}
	if p.err == nil && strings.Trim(p.rest, " \n") != "" {
		p.fail("%.40q after the dictionary", p.rest)
	}
	if p.err == nil && len(seen) != 3 {
		p.fail("descr, fortran_order or shape is missing")
	}
	return h, p.err
}

// parser consumes a Python literal from the left. After the first fault err is
// set and nothing more is consumed.
type parser struct {
	rest string
	err  error
}

func (p *parser) fail(format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf("malformed .npy header: "+format, args...)
		p.rest = ""
	}
}

// accept consumes the token, and blanks before it, if it comes next.
func (p *parser) accept(token string) bool {
	rest, found := strings.CutPrefix(strings.TrimLeft(p.rest, " "), token)
	if found {
		p.rest = rest
	}
	return found
}

func (p *parser) expect(token string) {
	if !p.accept(token) {
		p.fail("%.40q where %q should be", p.rest, token)
	}
}

// text consumes a string literal without escapes.
func (p *parser) text() string {
	for _, quote := range []string{"'", `"`} {
		if !p.accept(quote) {
			continue
		}
		text, rest, found := strings.Cut(p.rest, quote)
		if !found || strings.ContainsAny(text, "\\\n") {
			p.fail("%.40q is not a plain string", p.rest)
			return ""
		}
		p.rest = rest
		return text
	}
	p.fail("%.40q where a string should be", p.rest)
	return ""
}

func (p *parser) descr() string {
	if p.accept("[") {
		p.fail("a structured dtype, which is not read here")
		return ""
	}
	return p.text()
}

func (p *parser) bool() bool {
	if p.accept("True") {
		return true
	}
	p.expect("False")
	return false
}

// tuple consumes a tuple of whole numbers; (3) is a number to Python, (3,) a
// tuple.
func (p *parser) tuple() []int {
	shape := []int{}
	p.expect("(")
	for p.err == nil && !p.accept(")") {
		shape = append(shape, p.number())
		if len(shape) > maxDims {
			p.fail("more than %d dimensions", maxDims)
		}
		if !p.accept(",") {
			if len(shape) == 1 {
				p.fail("the shape is not a tuple")
			}
			p.expect(")")
			break
		}
	}
	return shape
}

func (p *parser) number() int {
	p.rest = strings.TrimLeft(p.rest, " ")
	digits := p.rest[:len(p.rest)-len(strings.TrimLeft(p.rest, "0123456789"))]
	n, err := strconv.Atoi(digits)
	if err != nil || len(digits) > 1 && digits[0] == '0' {
		p.fail("%.40q is not a dimension", p.rest)
		return 0
	}
	p.rest = p.rest[len(digits):]
	return n
}

// formatHeader returns the header that numpy.save writes: version 1.0, padded
// with blanks to a multiple of 64 bytes so that the data is aligned.
func formatHeader(descr string, shape []int) []byte {
	dims := make([]string, len(shape))
	for i, dim := range shape {
		dims[i] = strconv.Itoa(dim)
	}
	tuple := strings.Join(dims, ", ")
	if len(dims) == 1 {
		tuple += ","
	}
	dict := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", descr, tuple)
	const prefix, align = 10, 64
	padded := (prefix+len(dict)+1+align-1)/align*align - prefix
	h := append([]byte(magic), 1, 0)
	h = binary.LittleEndian.AppendUint16(h, uint16(padded))
	return fmt.Appendf(h, "%-*s\n", padded-1, dict)
}

func truncated(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return errors.New("it ends too soon")
	}
	return err
}
