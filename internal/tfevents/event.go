package tfevents

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// Scalar is one number of one gradient step.
type Scalar struct {
	Tag   string // TensorBoard groups tags by what is before a slash
	Value float32
}

// Event is one record of a file.
type Event struct {
	WallTime    float64 // seconds since 1970
	Step        int64
	FileVersion string   // of a file's first event only
	Scalars     []Scalar // values of other kinds are left out
	Raw         []byte   // the whole record, as it stands in the file
}

// version is the only one that TensorBoard knows.
const version = "brain.Event:2"

// Numbers of the protocol buffers' fields.
const (
	eventWallTime    = 1
	eventStep        = 2
	eventFileVersion = 3
	eventSummary     = 5
	summaryValue     = 1
	valueTag         = 1
	valueSimple      = 2
)

// Wire types of protocol buffers.
const (
	wireVarint  = 0
	wireFixed64 = 1
	wireBytes   = 2
	wireFixed32 = 5
)

func appendKey(b []byte, number, wire int) []byte {
	return binary.AppendUvarint(b, uint64(number<<3|wire))
}

func appendBytes[T string | []byte](b []byte, number int, value T) []byte {
	b = appendKey(b, number, wireBytes)
	b = binary.AppendUvarint(b, uint64(len(value)))
	return append(b, value...)
}

// encode returns the event's protocol buffer. A step of 0, an empty version and
// no scalars are left out, as proto3 does.
func (e *Event) encode() []byte {
	b := appendKey(nil, eventWallTime, wireFixed64)
	b = binary.LittleEndian.AppendUint64(b, math.Float64bits(e.WallTime))
	if e.Step != 0 {
		b = appendKey(b, eventStep, wireVarint)
		b = binary.AppendUvarint(b, uint64(e.Step))
	}
	if e.FileVersion != "" {
		b = appendBytes(b, eventFileVersion, e.FileVersion)
	}
	var summary []byte
	for _, s := range e.Scalars {
		value := appendBytes(nil, valueTag, s.Tag)
		value = appendKey(value, valueSimple, wireFixed32)
		value = binary.LittleEndian.AppendUint32(value, math.Float32bits(s.Value))
		summary = appendBytes(summary, summaryValue, value)
	}
	if summary != nil {
		b = appendBytes(b, eventSummary, summary)
	}
	return b
}

// field is one field of a protocol buffer.
type field struct {
	key    int    // number<<3 | wire type
	varint uint64 // the value, where that is its wire type
	bytes  []byte // the value's bytes
}

var errProtobuf = errors.New("a malformed protocol buffer")

// eachField calls do for the fields of a protocol buffer in their order.
func eachField(b []byte, do func(field) error) error {
	for len(b) > 0 {
		key, n := binary.Uvarint(b)
		if n <= 0 || key>>3 == 0 || key > math.MaxUint32 {
			return errProtobuf
		}
		b = b[n:]
		f := field{key: int(key)}
		var size uint64
		switch key & 7 {
		case wireVarint:
			f.varint, n = binary.Uvarint(b)
			size = uint64(n)
		case wireFixed64:
			size = 8
		case wireFixed32:
			size = 4
		case wireBytes:
			if size, n = binary.Uvarint(b); n > 0 {
				b = b[n:]
			}
		default: // groups, which are extinct
			return errProtobuf
		}
		if n <= 0 || size > uint64(len(b)) {
			return errProtobuf
		}
		f.bytes, b = b[:size], b[size:]
		if err := do(f); err != nil {
			return err
		}
	}
	return nil
}

// decode sets the event to what a protocol buffer says. Unknown fields are
// passed over.
func (e *Event) decode(b []byte) error {
	err := eachField(b, func(f field) error {
		switch f.key {
		case eventWallTime<<3 | wireFixed64:
			e.WallTime = math.Float64frombits(binary.LittleEndian.Uint64(f.bytes))
		case eventStep<<3 | wireVarint:
			e.Step = int64(f.varint)
		case eventFileVersion<<3 | wireBytes:
			e.FileVersion = string(f.bytes)
		case eventSummary<<3 | wireBytes:
			return e.decodeSummary(f.bytes)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("%w: %w", errMalformed, err)
	}
	return nil
}

func (e *Event) decodeSummary(b []byte) error {
	return eachField(b, func(f field) error {
		if f.key != summaryValue<<3|wireBytes {
			return nil
		}
		var s Scalar
		simple := false
		err := eachField(f.bytes, func(f field) error {
			switch f.key {
			case valueTag<<3 | wireBytes:
				s.Tag = string(f.bytes)
			case valueSimple<<3 | wireFixed32:
				s.Value, simple = math.Float32frombits(binary.LittleEndian.Uint32(f.bytes)), true
			}
			return nil
		})
		if simple {
			e.Scalars = append(e.Scalars, s)
		}
		return err
	})
}
