// Networks of up to 50 units: one warp each, two in float64 at N = 50, whose
// rows would not fit into one warp's registers.
#include "rows.cuh"
#include "run.cuh"

KERNEL(n2_f32, 32, 16, float, Rows<float, 2, 1>)
KERNEL(n2_f64, 32, 16, double, Rows<double, 2, 1>)
KERNEL(n25_f32, 32, 16, float, Rows<float, 25, 1>)
KERNEL(n25_f64, 32, 8, double, Rows<double, 25, 1>)
KERNEL(n50_f32, 32, 8, float, Rows<float, 50, 1>)
KERNEL(n50_f64, 64, 4, double, Rows<double, 50, 2>)
