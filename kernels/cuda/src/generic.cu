// Networks of any size.
#include "run.cuh"

KERNEL(generic_f32, 256, 1, float, Generic<float>)
KERNEL(generic_f64, 256, 1, double, Generic<double>)
