package safetensors

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"
)

// align is the multiple of bytes at which the data begins.
const align = 8

// Write writes the tensors in their order, after the metadata by key; values of
// an F32 are rounded to float32. It panics if a tensor's shape is not that of
// its data, its dtype is neither F32 nor F64, or its name has been used.
func Write(w io.Writer, metadata map[string]string, tensors ...Tensor) error {
	header := formatHeader(metadata, tensors)
	buffer := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	if _, err := w.Write(append(buffer, header...)); err != nil {
		return err
	}
	for _, t := range tensors {
		buffer = buffer[:0]
		for _, x := range t.Data {
			if t.DType == F32 {
				buffer = binary.LittleEndian.AppendUint32(buffer, math.Float32bits(float32(x)))
			} else {
				buffer = binary.LittleEndian.AppendUint64(buffer, math.Float64bits(x))
			}
		}
		if _, err := w.Write(buffer); err != nil {
			return err
		}
	}
	return nil
}

// formatHeader returns the header, padded with blanks.
func formatHeader(metadata map[string]string, tensors []Tensor) []byte {
	var fields []string
	add := func(key string, value any) {
		fields = append(fields, marshal(key)+":"+marshal(value))
	}
	if len(metadata) > 0 {
		add(metadataKey, metadata) // encoding/json sorts a map's keys
	}
	seen := map[string]bool{metadataKey: true}
	offset := 0
	for _, t := range tensors {
		t.check()
		if seen[t.Name] {
			panic("safetensors: two tensors of one name")
		}
		seen[t.Name] = true
		end := offset + len(t.Data)*sizes[t.DType]
		add(t.Name, struct {
			DType   DType  `json:"dtype"`
			Shape   []int  `json:"shape"`
			Offsets [2]int `json:"data_offsets"`
		}{t.DType, append([]int{}, t.Shape...), [2]int{offset, end}}) // [] for a scalar, not null
		offset = end
	}
	header := "{" + strings.Join(fields, ",") + "}"
	padded := (len(header) + align - 1) / align * align
	return fmt.Appendf(nil, "%-*s", padded, header)
}

func marshal(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic("safetensors: strings and whole numbers always have a JSON form")
	}
	return string(b)
}
