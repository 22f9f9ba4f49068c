// Package tfevents reads and writes TensorBoard's event files, as far as they
// hold scalars.
//
// # Layout
//
// A file is a sequence of records (TFRecord), each of which is
//
//	8 bytes   length of the data, little-endian
//	4 bytes   masked CRC-32C of the length
//	length    data: one Event, a protocol buffer
//	4 bytes   masked CRC-32C of the data
//
// The fields of an Event and of what it holds, by protocol-buffer number:
//
//	Event           1 wall_time double, seconds since 1970; 2 step int64;
//	                3 file_version string; 5 summary Summary
//	Summary         1 value, repeated Summary.Value
//	Summary.Value   1 tag string; 2 simple_value float
//
// The first record holds the file version and nothing else. TensorBoard finds
// files whose name contains "tfevents".
//
// # Interruption
//
// A writer that is killed leaves a torn record at the end. [Cut] takes a file
// back to a checkpoint's step and drops such a tail, so that [Append] can go on.
//
// Source: tensorflow/core/util/event.proto, tensorflow/core/framework/summary.proto
// and tensorflow/core/lib/io/record_writer.h.
package tfevents
