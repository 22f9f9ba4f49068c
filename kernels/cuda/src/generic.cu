// Networks of any size.
#include "run.cuh"

KERNEL(generic_f32, 256, float, Generic<float>)
KERNEL(generic_f64, 256, double, Generic<double>)
