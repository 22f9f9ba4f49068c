// Package strictyaml reads configurations so that nothing in them is passed
// over: every key must be known and stand once, every value must have its
// field's type as it stands, and the fault is named by file, line and key.
//
// It is a check in front of github.com/goccy/go-yaml, which by itself, even
// where it is told to be strict, reads 1.5 into an int as 1, "4" with its quotes
// as 4, 010 as 8, a missing value as the default, keys that are no text as
// nothing, and of several documents the first. None of these is accepted here.
// Nor are anchors, aliases, merge keys, tags and directives, for which a
// configuration has no use.
//
// The types understood are structs with `yaml:"key"` tags (",inline" too),
// pointers, slices, arrays, maps by string, bool, the integers, the floats,
// string, any, and types that unmarshal themselves.
package strictyaml

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"radd/internal/input"
)

// maxSize is the most bytes of a document: hundreds of times a configuration,
// and little enough for the parser, whose time can grow with the square.
const maxSize = 64 << 10

// Decode sets what into points to from one YAML document; name stands for it in
// errors. What the document does not mention keeps its value, and an empty
// document changes nothing. Every fault is an *input.Error with the line and
// the key; after one, into may be set in part.
func Decode(name string, data []byte, into any) error {
	c := checker{name}
	if len(data) > maxSize {
		return c.fault(nil, "", fmt.Sprintf("%d bytes", len(data)), fmt.Sprintf("up to %d bytes", maxSize))
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff")) // some editors begin a file with it
	root, err := c.parse(data)
	if err != nil || root == nil {
		return err
	}
	if err := c.check(root, reflect.TypeOf(into), ""); err != nil {
		return err
	}
	return c.translate(yaml.NodeToValue(root, into, yaml.Strict()))
}

// Encode returns v as a YAML document: fields in the order of their struct,
// maps by key. The same value gives the same bytes, and Decode reads them back.
func Encode(v any) ([]byte, error) {
	return yaml.MarshalWithOptions(v, yaml.CustomMarshaler(quote))
}

// quote returns text in double quotes unless it is a plain word. The library
// leaves out quotes where its own parser then needs them.
func quote(text string) ([]byte, error) {
	if word.MatchString(text) && !token.IsNeedQuoted(text) {
		return []byte(text), nil
	}
	return json.Marshal(text) // YAML's double quotes are a superset of JSON's
}

var word = regexp.MustCompile(`^[A-Za-z/][A-Za-z0-9_./-]*$`)

// parse returns the only document in data, or nil if it is empty.
func (c checker) parse(data []byte) (ast.Node, error) {
	tokens := lexer.Tokenize(string(data))
	for _, t := range tokens {
		switch t.Type {
		case token.AnchorType, token.AliasType, token.MergeKeyType, token.TagType, token.DirectiveType:
			return nil, c.fault(t, "", fmt.Sprintf("%.40q", t.Value), "no anchors, aliases, merge keys, tags or directives")
		}
	}
	file, err := parser.Parse(tokens, 0)
	if err != nil {
		return nil, c.translate(err)
	}
	if len(file.Docs) > 1 {
		return nil, c.fault(file.Docs[1].Start, "", "a second document", "one document")
	}
	if len(file.Docs) == 0 || file.Docs[0].Body == nil {
		return nil, nil
	}
	return file.Docs[0].Body, nil
}

// translate turns the library's error into ours. The library's own text quotes
// the document and takes time that grows with its square.
func (c checker) translate(err error) error {
	if err == nil {
		return nil
	}
	if located := yaml.Error(nil); errors.As(err, &located) {
		return c.fault(located.GetToken(), "", located.GetMessage(), "")
	}
	return &input.Error{File: c.name, Cause: err}
}
