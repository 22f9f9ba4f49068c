// Package nvcc compiles the CUDA kernels and reads what the compiler says of them.
// Only the generator of the kernels' images and its tests use it.
package nvcc
