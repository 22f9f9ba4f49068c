package tfevents

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"radd/internal/input"
)

// clock returns 1, 2, 3, … seconds.
func clock() func() float64 {
	now := 0.0
	return func() float64 { now++; return now }
}

// sample returns a file whose events have these steps, and a scalar or two.
func sample(t testing.TB, steps ...int64) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := NewWriter(&b, clock())
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range steps {
		if err := w.Scalars(step, []Scalar{{"train/loss", float32(step) / 2}, {"", float32(math.Inf(1))}}); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func readAll(t testing.TB, file []byte) []Event {
	t.Helper()
	var events []Event
	r := NewReader(bytes.NewReader(file), "events")
	for {
		e, err := r.Next()
		if err == io.EOF {
			return events
		}
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
}

func TestRoundTrip(t *testing.T) {
	steps := []int64{0, 1, 127, 128, 5000, math.MaxInt64, -1, math.MinInt64}
	file := sample(t, steps...)
	events := readAll(t, file)
	if len(events) != len(steps)+1 {
		t.Fatalf("%d events", len(events))
	}
	var raw []byte
	for i, e := range events {
		want := Event{WallTime: float64(i + 1), Raw: e.Raw, FileVersion: version}
		if i > 0 {
			step := steps[i-1]
			want.FileVersion, want.Step = "", step
			want.Scalars = []Scalar{{"train/loss", float32(step) / 2}, {"", float32(math.Inf(1))}}
		}
		if !reflect.DeepEqual(e, want) {
			t.Errorf("event %d: %+v, want %+v", i, e, want)
		}
		raw = append(raw, e.Raw...)
	}
	if !bytes.Equal(raw, file) {
		t.Error("the raw records do not make up the file")
	}
}

// TestBytes holds records against the format, field by field; the checksums are
// those that TensorBoard's reader computes.
func TestBytes(t *testing.T) {
	if got := masked([]byte("123456789")); got != 0xc78ab0e5 {
		// From the published CRC-32C of these digits, 0xe3069283.
		t.Errorf("masked checksum %#x", got)
	}
	var b bytes.Buffer
	w, err := NewWriter(&b, func() float64 { return 1.5 })
	if err == nil {
		err = w.Scalars(300, []Scalar{{"loss", 0.25}})
	}
	if err != nil {
		t.Fatal(err)
	}
	events := readAll(t, b.Bytes())
	const (
		first = "09" + "000000000000f83f" + // wall_time 1.5
			"1a" + "0d" + "627261696e2e4576656e743a32" // file_version "brain.Event:2"
		second = "09" + "000000000000f83f" +
			"10" + "ac02" + // step 300
			"2a" + "0d" + // summary
			"0a" + "0b" + // value
			"0a" + "04" + "6c6f7373" + // tag "loss"
			"15" + "0000803e" // simple_value 0.25
	)
	for i, want := range []string{first, second} {
		raw := events[i].Raw
		if got := hex.EncodeToString(raw[headSize : len(raw)-tailSize]); got != want {
			t.Errorf("record %d is %s, want %s", i, got, want)
		}
	}
	if head := hex.EncodeToString(b.Bytes()[:8]); head != "1800000000000000" {
		t.Errorf("the first record's length is %s", head)
	}
}

func TestAppend(t *testing.T) {
	whole := sample(t, 1, 2)
	b := bytes.NewBuffer(sample(t, 1))
	now := clock()
	now()
	now()
	if err := Append(b, now).Scalars(2, []Scalar{{"train/loss", 1}, {"", float32(math.Inf(1))}}); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b.Bytes(), whole) {
		t.Error("a file that was gone on with differs from one written at once")
	}
}

func TestCut(t *testing.T) {
	file := sample(t, 10, 20, 30)
	tests := []struct {
		last int64
		want []byte
	}{
		{math.MinInt64, sample(t)}, {9, sample(t)}, {10, sample(t, 10)}, {29, sample(t, 10, 20)},
		{30, file}, {math.MaxInt64, file},
	}
	for _, test := range tests {
		var b bytes.Buffer
		if err := Cut(bytes.NewReader(file), &b, test.last); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(b.Bytes(), test.want) {
			t.Errorf("cut at step %d: %d bytes, want %d", test.last, b.Len(), len(test.want))
		}
	}
}

// TestCutTorn tears the file at every byte: whole records are left.
func TestCutTorn(t *testing.T) {
	file := sample(t, 10, 20)
	ends := []int{0, len(sample(t)), len(sample(t, 10)), len(file)}
	for n := range len(file) + 1 {
		var b bytes.Buffer
		if err := Cut(bytes.NewReader(file[:n]), &b, math.MaxInt64); err != nil {
			t.Fatal(err)
		}
		whole := slices.IndexFunc(ends, func(end int) bool { return end > n })
		if whole < 0 {
			whole = len(ends)
		}
		if b.Len() != ends[whole-1] || !bytes.Equal(b.Bytes(), file[:b.Len()]) {
			t.Errorf("torn at %d: %d bytes are left, want %d", n, b.Len(), ends[whole-1])
		}
	}
}

// TestCorruption flips every byte: a checksum notices, and Cut ends before it.
func TestCorruption(t *testing.T) {
	whole := sample(t, 10, 20)
	first, second := len(sample(t)), len(sample(t, 10))
	for i := range whole {
		file := bytes.Clone(whole)
		file[i] ^= 0x04
		var b bytes.Buffer
		if err := Cut(bytes.NewReader(file), &b, 20); err != nil {
			t.Fatal(err)
		}
		want := 0
		if i >= first {
			want = first
		}
		if i >= second {
			want = second
		}
		if b.Len() != want {
			t.Errorf("byte %d changed: %d bytes are left, want %d", i, b.Len(), want)
		}
	}
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errors.New("mine") }

func TestOthersErrors(t *testing.T) {
	if _, err := NewWriter(failingWriter{}, clock()); err == nil {
		t.Error("NewWriter hides an error")
	}
	file := sample(t, 1)
	if err := Cut(bytes.NewReader(file), failingWriter{}, 1); err == nil {
		t.Error("Cut hides the writer's error")
	}
	mine := errors.New("mine")
	for _, n := range []int{0, 5, 20, len(file)} {
		r := io.MultiReader(bytes.NewReader(file[:n]), iotest.ErrReader(mine))
		if err := Cut(r, io.Discard, 1); !errors.Is(err, mine) {
			t.Errorf("Cut hides the reader's error after %d bytes: %v", n, err)
		}
	}
}

func TestMalformed(t *testing.T) {
	record := func(data string) []byte { return appendRecord(nil, []byte(data)) }
	huge := appendRecord(nil, make([]byte, 0))
	huge = append([]byte{0, 0, 0, 0, 0, 0, 0, 1}, huge[8:]...)
	huge = append(appendMasked(huge[:8]), "rest"...)
	tests := []struct {
		name string
		file []byte
		says string
	}{
		{"text", []byte("loss,1\nloss,2\n"), "checksum of its length"},
		{"cut head", sample(t)[:11], "too soon"},
		{"cut data", sample(t)[:20], "too soon"},
		{"claims more than there is", append(appendMasked([]byte{0, 0, 0, 1, 0, 0, 0, 0}), "rest"...), "too soon"},
		{"claims too much", huge, "above 67108864"},
		{"changed data", append(record("\x10\x01")[:headSize], "\x10\x02\x00\x00\x00\x00"...), "checksum of its data"},
		{"field number 0", record("\x00\x01"), "protocol buffer"},
		{"endless key", record(strings.Repeat("\xff", 11)), "protocol buffer"},
		{"endless varint", record("\x10" + strings.Repeat("\xff", 11)), "protocol buffer"},
		{"cut varint", record("\x10\xff"), "protocol buffer"},
		{"cut length", record("\x2a\xff"), "protocol buffer"},
		{"cut bytes", record("\x2a\x02\x0a"), "protocol buffer"},
		{"cut fixed64", record("\x09\x02\x0a"), "protocol buffer"},
		{"group", record("\x0b\x0c"), "protocol buffer"},
		{"cut summary", record("\x2a\x01\x0a"), "protocol buffer"},
		{"cut value", record("\x2a\x04\x0a\x02\x15\x00"), "protocol buffer"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := NewReader(bytes.NewReader(test.file), "events").Next()
			if err == nil || !input.Is(err) || !strings.HasPrefix(err.Error(), "events: record 1: ") || !strings.Contains(err.Error(), test.says) {
				t.Errorf("error %v, want one that says %q", err, test.says)
			}
		})
	}
}

// appendMasked appends to a length its checksum.
func appendMasked(length []byte) []byte {
	crc := masked(length)
	return append(length, byte(crc), byte(crc>>8), byte(crc>>16), byte(crc>>24))
}

// TestUnknownFields reads an event as another writer may have written it.
func TestUnknownFields(t *testing.T) {
	data := "\x10\x07" + "\x22\x01x" + "\x3d\x01\x02\x03\x04" + "\x41\x01\x02\x03\x04\x05\x06\x07\x08" +
		"\x2a\x0d" + "\x10\x01" + "\x0a\x03\x0a\x01a" + "\x0a\x04\x0a\x02bc"
	events := readAll(t, appendRecord(nil, []byte(data)))
	if len(events) != 1 || events[0].Step != 7 || len(events[0].Scalars) != 0 {
		t.Errorf("%+v", events)
	}
}

func FuzzReader(f *testing.F) {
	f.Add(sample(f, 1, 2, 300))
	f.Add(sample(f, -1)[:30])
	f.Add([]byte{})
	f.Add(appendRecord(nil, []byte("\x2a\x02\x0a")))
	f.Fuzz(func(t *testing.T, file []byte) {
		var b bytes.Buffer
		if err := Cut(bytes.NewReader(file), &b, math.MaxInt64); err != nil {
			t.Fatal(err)
		}
		if !bytes.HasPrefix(file, b.Bytes()) {
			t.Error("Cut has changed what it left")
		}
		readAll(t, b.Bytes())
	})
}

// FuzzDecode decodes protocol buffers outside records, where no checksum is in
// the way.
func FuzzDecode(f *testing.F) {
	f.Add((&Event{WallTime: 1, Step: -1, Scalars: []Scalar{{"a", 1}}}).encode())
	f.Add((&Event{FileVersion: version}).encode())
	f.Add([]byte("\x2a\x04\x0a\x02\x15\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var e, again Event
		if e.decode(data) != nil {
			return
		}
		if err := again.decode(e.encode()); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(again.encode(), e.encode()) {
			t.Errorf("%+v written and read: %+v", e, again)
		}
	})
}
