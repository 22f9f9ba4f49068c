// Package safetensors reads and writes weights in the safetensors format, which
// PyTorch's load_state_dict takes by way of safetensors.torch.load_file.
//
// # Layout
//
// A file is the header's length (8 bytes, little-endian), the header (JSON) and
// the data of all tensors, row-major and little-endian, one after another:
//
//	{"__metadata__": {"key": "text"}, "name": {"dtype": "F32", "shape": [2, 50], "data_offsets": [0, 400]}}
//
// Offsets count from the header's end. The reader takes only files of which
// every byte is accounted for: tensors without gaps or overlaps, lengths that
// are those of the shapes, no key twice. Every fault is an *input.Error.
//
// Values are float64 in memory, whatever the file's dtype, F32 or F64: both
// ways are exact, and a Tensor remembers its dtype. Tensors of other dtypes may
// be in a file but cannot be asked for.
//
// # Determinism
//
// The same tensors and metadata give the same bytes.
//
// Source: the format's description at github.com/huggingface/safetensors.
package safetensors
