// Networks of 100 to 250 units: one block each.
#include "tiles.cuh"
#include "run.cuh"

//                          F       N    THREADS LANES TALL WIDE STORED
KERNEL(n100_f32, 128, 2, float, Tiles<float, 100, 128, 16, 16, 8, 0>)
KERNEL(n100_f64, 256, 1, double, Tiles<double, 100, 256, 16, 8, 8, 0>)
KERNEL(n150_f32, 160, 1, float, Tiles<float, 150, 160, 16, 16, 10, 0>)
KERNEL(n150_f64, 320, 1, double, Tiles<double, 150, 320, 16, 8, 10, 2>)
KERNEL(n250_f32, 256, 1, float, Tiles<float, 250, 256, 16, 16, 16, 1>)
