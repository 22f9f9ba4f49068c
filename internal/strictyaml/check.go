package strictyaml

import (
	"encoding"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"radd/internal/input"
)

// checker holds a document against a type.
type checker struct{ name string }

// fault returns the error at a token, for the key that is spelt from the root
// with dots.
func (c checker) fault(at *token.Token, key, found, allowed string) error {
	field := key
	if at != nil && at.Position != nil {
		field = strings.TrimSuffix(fmt.Sprintf("line %d: %s", at.Position.Line, key), ": ")
	}
	return &input.Error{File: c.name, Field: field, Found: found, Allowed: allowed}
}

// check returns the first fault of the node as a value of type t.
func (c checker) check(node ast.Node, t reflect.Type, key string) error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if unmarshalsItself(t) {
		return nil
	}
	switch t.Kind() {
	case reflect.Struct, reflect.Map:
		return c.mapping(node, t, key)
	case reflect.Slice, reflect.Array:
		return c.sequence(node, t, key)
	case reflect.Interface:
		return nil
	}
	fits, allowed := scalar(node, t)
	if !fits {
		return c.fault(node.GetToken(), key, describe(node), allowed)
	}
	return nil
}

func (c checker) mapping(node ast.Node, t reflect.Type, key string) error {
	mapping, ok := node.(*ast.MappingNode)
	if !ok {
		return c.fault(node.GetToken(), key, describe(node), "keys with values")
	}
	var known map[string]reflect.Type
	if t.Kind() == reflect.Struct {
		known = fields(t)
	}
	for _, value := range mapping.Values {
		text, ok := value.Key.(*ast.StringNode)
		if !ok {
			return c.fault(value.Key.GetToken(), key, fmt.Sprintf("the key %.40q", value.Key.GetToken().Value), "text as a key")
		}
		inner := strings.TrimPrefix(key+"."+text.Value, ".")
		of, ok := known[text.Value]
		switch {
		case t.Kind() == reflect.Map:
			of = t.Elem()
		case !ok:
			return c.fault(text.GetToken(), inner, "unknown key", input.Nearest(text.Value, slices.Sorted(maps.Keys(known))))
		}
		if err := c.check(value.Value, of, inner); err != nil {
			return err
		}
	}
	return nil
}

func (c checker) sequence(node ast.Node, t reflect.Type, key string) error {
	sequence, ok := node.(*ast.SequenceNode)
	if !ok {
		return c.fault(node.GetToken(), key, describe(node), "a list")
	}
	if n := len(sequence.Values); t.Kind() == reflect.Array && n != t.Len() {
		return c.fault(node.GetToken(), key, fmt.Sprintf("%d values", n), fmt.Sprintf("%d values", t.Len()))
	}
	for i, value := range sequence.Values {
		if err := c.check(value, t.Elem(), fmt.Sprintf("%s[%d]", key, i)); err != nil {
			return err
		}
	}
	return nil
}

// scalar reports whether the node is a value of the type, and what would be.
func scalar(node ast.Node, t reflect.Type) (fits bool, allowed string) {
	switch t.Kind() {
	case reflect.String:
		switch node.(type) {
		case *ast.StringNode, *ast.LiteralNode:
			return true, ""
		}
		return false, "text; a number or a word like true needs quotes"
	case reflect.Bool:
		_, fits = node.(*ast.BoolNode)
		return fits, "true or false"
	case reflect.Float32, reflect.Float64:
		switch node.(type) {
		case *ast.InfinityNode, *ast.NanNode:
			return true, ""
		}
		return decimal(node) || real(node, t), "a number within the range of " + t.Kind().String()
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return decimal(node) && inRange(node.(*ast.IntegerNode), t), "a whole number within the range of " + t.Kind().String()
	}
	return false, "nothing, as nothing here is read into a Go " + t.Kind().String()
}

// decimal reports whether the node is a whole number without the leading zeros
// that some take for octal.
func decimal(node ast.Node) bool {
	if _, whole := node.(*ast.IntegerNode); !whole {
		return false
	}
	digits := strings.TrimLeft(node.GetToken().Value, "+-")
	return len(digits) < 2 || digits[0] != '0' || strings.ContainsAny(digits[1:2], "xob")
}

// real reports whether the node is a number with a fraction or an exponent, and
// within the range of t. The library's parser takes 1.5 and 1.5e3 for numbers
// and 1e3 for text.
func real(node ast.Node, t reflect.Type) bool {
	at := node.GetToken()
	switch node.(type) {
	case *ast.FloatNode:
	case *ast.StringNode:
		if at.Type != token.StringType || !number.MatchString(at.Value) { // quoted, or text
			return false
		}
	default:
		return false
	}
	_, err := strconv.ParseFloat(strings.ReplaceAll(at.Value, "_", ""), t.Bits())
	return err == nil
}

var number = regexp.MustCompile(`^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`)

func inRange(node *ast.IntegerNode, t reflect.Type) bool {
	signed := t.Kind() <= reflect.Int64
	switch n := node.Value.(type) {
	case int64:
		return signed && !t.OverflowInt(n) || !signed && n >= 0 && !t.OverflowUint(uint64(n))
	case uint64:
		return signed && int64(n) >= 0 && !t.OverflowInt(int64(n)) || !signed && !t.OverflowUint(n)
	}
	return false
}

func describe(node ast.Node) string {
	switch node := node.(type) {
	case *ast.MappingNode:
		return "keys with values"
	case *ast.SequenceNode:
		return "a list"
	case *ast.NullNode:
		return "no value"
	case *ast.LiteralNode:
		return fmt.Sprintf("the text %.40q", node.Value.Value)
	case *ast.StringNode:
		return fmt.Sprintf("the text %.40q", node.Value)
	}
	return fmt.Sprintf("%.40s", node.GetToken().Value)
}

// unmarshalsItself reports whether the library leaves the type's values to a
// method of the type.
func unmarshalsItself(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) ||
		p.Implements(reflect.TypeFor[yaml.BytesUnmarshaler]()) ||
		p.Implements(reflect.TypeFor[yaml.InterfaceUnmarshaler]())
}

// fields returns the types of a struct's fields by their keys.
func fields(t reflect.Type) map[string]reflect.Type {
	known := map[string]reflect.Type{}
	for i := range t.NumField() {
		field := t.Field(i)
		key, options, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		switch {
		case !field.IsExported() || key == "-":
		case slices.Contains(strings.Split(options, ","), "inline"):
			inner := field.Type
			if inner.Kind() == reflect.Pointer {
				inner = inner.Elem()
			}
			for key, of := range fields(inner) {
				known[key] = of
			}
		case key == "":
			known[strings.ToLower(field.Name)] = field.Type
		default:
			known[key] = field.Type
		}
	}
	return known
}
