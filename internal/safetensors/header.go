package safetensors

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"
)

const (
	metadataKey = "__metadata__"
	maxDims     = 64 // PyTorch's own limit
)

// entry is a tensor as the header describes it.
type entry struct {
	name       string
	dtype      DType
	shape      []int
	begin, end int // bytes of the data
}

// parseHeader parses the header's JSON token by token, because encoding/json
// lets later keys overwrite earlier ones of the same name.
func parseHeader(text []byte) (metadata map[string]string, entries []entry, err error) {
	if len(text) == 0 || text[0] != '{' {
		return nil, nil, errors.New("the header does not begin with {")
	}
	if !utf8.Valid(text) {
		return nil, nil, errors.New("the header is not UTF-8")
	}
	p := parser{json.NewDecoder(bytes.NewReader(text))}
	p.UseNumber()
	err = p.object(func(key string) error {
		if key == metadataKey {
			metadata, err = p.metadata()
			return err
		}
		e, err := p.entry(key)
		entries = append(entries, e)
		return err
	})
	if err == nil {
		err = p.end()
	}
	return metadata, entries, err
}

type parser struct{ *json.Decoder }

// object calls value for each key, to consume what the key stands for.
func (p parser) object(value func(key string) error) error {
	if err := p.delim('{'); err != nil {
		return err
	}
	seen := map[string]bool{}
	for p.More() {
		key, err := p.text()
		if err != nil {
			return err
		}
		if seen[key] {
			return fmt.Errorf("key %.80q twice", key)
		}
		seen[key] = true
		if err := value(key); err != nil {
			return err
		}
	}
	return p.delim('}')
}

func (p parser) metadata() (map[string]string, error) {
	metadata := map[string]string{}
	err := p.object(func(key string) (err error) {
		metadata[key], err = p.text()
		return err
	})
	return metadata, err
}

func (p parser) entry(name string) (entry, error) {
	e := entry{name: name}
	fields := 0
	err := p.object(func(key string) (err error) {
		fields++
		switch key {
		case "dtype":
			var dtype string
			dtype, err = p.text()
			e.dtype = DType(dtype)
		case "shape":
			e.shape, err = p.numbers()
		case "data_offsets":
			var offsets []int
			if offsets, err = p.numbers(); err == nil && len(offsets) != 2 {
				return fmt.Errorf("%d data_offsets, not 2", len(offsets))
			}
			if err == nil {
				e.begin, e.end = offsets[0], offsets[1]
			}
		default:
			err = fmt.Errorf("unknown key %.80q", key)
		}
		return err
	})
	if err == nil && fields != 3 {
		err = errors.New("dtype, shape or data_offsets is missing")
	}
	if err != nil {
		err = fmt.Errorf("tensor %.80q: %w", name, err)
	}
	return e, err
}

// numbers consumes an array of whole numbers.
func (p parser) numbers() ([]int, error) {
	if err := p.delim('['); err != nil {
		return nil, err
	}
	numbers := []int{}
	for p.More() {
		token, err := p.Token()
		if err != nil {
			return nil, err
		}
		number, _ := token.(json.Number)
		n, err := strconv.ParseUint(number.String(), 10, strconv.IntSize-1)
		if err != nil {
			return nil, fmt.Errorf("%.80q where a whole number should be", fmt.Sprint(token))
		}
		if numbers = append(numbers, int(n)); len(numbers) > maxDims {
			return nil, fmt.Errorf("more than %d numbers in a row", maxDims)
		}
	}
	return numbers, p.delim(']')
}

func (p parser) text() (string, error) {
	token, err := p.Token()
	if err != nil {
		return "", err
	}
	text, ok := token.(string)
	if !ok {
		return "", fmt.Errorf("%.80q where a string should be", fmt.Sprint(token))
	}
	return text, nil
}

func (p parser) delim(want json.Delim) error {
	token, err := p.Token()
	if err != nil {
		return err
	}
	if token != want {
		return fmt.Errorf("%.80q where %q should be", fmt.Sprint(token), want)
	}
	return nil
}

// end sees to it that nothing but blanks follows.
func (p parser) end() error {
	if _, err := p.Token(); err != io.EOF {
		return errors.New("the header goes on after its closing brace")
	}
	return nil
}
