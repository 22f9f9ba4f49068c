// Every kernel, as one module for a device.
#include "generic.cu"
#include "rows.cu"
#include "tiles.cu"
#include "draw.cu"
#include "tape.cu"
#include "probe.cu"
