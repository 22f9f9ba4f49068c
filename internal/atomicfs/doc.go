// Package atomicfs writes files and folders that appear under their name whole
// or not at all, whatever fails on the way: an error, a killed process, a full
// disk or a loss of power.
//
// # Method
//
// Everything is first written under a temporary name beside its target, on the
// same file system, and synchronised to the disk. One rename then gives it its
// name, and the parent folder is synchronised, which makes the name last.
//
//	name beside the target   what it is                             who removes it
//	.tmp-<16 hex digits>     something unfinished or to be deleted  WriteFile, WriteDir, ReplaceDir; after a crash, CleanTemp or Recover
//	.aside-<name>            the whole old folder <name>, while     ReplaceDir; after a crash, Recover or the
//	                         ReplaceDir puts the new one there      next ReplaceDir of the same name
//
// POSIX has no portable rename that replaces a folder that is not empty, so
// ReplaceDir leaves a moment in which neither folder bears the name. A crash
// in that moment is what Recover mends: call it on the parent before reading
// what an earlier process may have been replacing.
//
// # Concurrency
//
// Several goroutines or processes may write under different names of one
// parent. CleanTemp and Recover cannot tell a stale temporary from one in use:
// they are for when no other process is writing in that parent. One name has
// one writer at a time.
//
// All calls go through [FS], so that tests can inject faults at every single
// one (package faultfs).
package atomicfs
