package tfevents

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

const (
	headSize  = 12      // bytes before the data
	tailSize  = 4       // bytes after it
	maxRecord = 1 << 26 // bytes of data; an event with scalars has a few hundred
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// masked is the checksum of records, rotated and shifted so that the checksum
// of data that contains checksums is sound.
func masked(data []byte) uint32 {
	crc := crc32.Checksum(data, castagnoli)
	return (crc>>15 | crc<<17) + 0xa282ead8
}

// appendRecord appends the data in its frame.
func appendRecord(b, data []byte) []byte {
	b = binary.LittleEndian.AppendUint64(b, uint64(len(data)))
	b = binary.LittleEndian.AppendUint32(b, masked(b[len(b)-8:]))
	b = append(b, data...)
	return binary.LittleEndian.AppendUint32(b, masked(data))
}

// errMalformed is the cause of every error that is the content's fault and not
// that of the reader beneath.
var errMalformed = errors.New("not a whole TensorBoard record")

// readRecord returns the next record with its frame, and the data in it. At the
// end it returns io.EOF, and for anything that is not a whole record an error
// that wraps errMalformed.
func readRecord(r io.Reader) (raw, data []byte, err error) {
	var head [headSize]byte
	switch _, err := io.ReadFull(r, head[:]); {
	case err == io.ErrUnexpectedEOF:
		return nil, nil, fmt.Errorf("%w: it ends too soon", errMalformed)
	case err != nil:
		return nil, nil, err
	case binary.LittleEndian.Uint32(head[8:]) != masked(head[:8]):
		return nil, nil, fmt.Errorf("%w: the checksum of its length does not match", errMalformed)
	}
	length := binary.LittleEndian.Uint64(head[:])
	if length > maxRecord {
		return nil, nil, fmt.Errorf("%w: it claims %d bytes, above %d", errMalformed, length, maxRecord)
	}
	buffer := bytes.NewBuffer(head[:]) // grows with what is there, not with what is claimed
	switch _, err := io.CopyN(buffer, r, int64(length)+tailSize); {
	case err == io.EOF:
		return nil, nil, fmt.Errorf("%w: it ends too soon", errMalformed)
	case err != nil:
		return nil, nil, err
	}
	raw = buffer.Bytes()
	data = raw[headSize : headSize+length]
	if binary.LittleEndian.Uint32(raw[headSize+length:]) != masked(data) {
		return nil, nil, fmt.Errorf("%w: the checksum of its data does not match", errMalformed)
	}
	return raw, data, nil
}
