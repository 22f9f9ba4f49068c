//go:build !gpu

package cuda

// system is nobody: without the tag gpu there is no way to the CUDA driver.
var system Host
