// Package report draws: every figure of a run, or of several side by side, as
// SVG, PDF, PNG and CSV files, and one self-contained page that holds them all.
// It has no numbers of its own. What it draws stands in a run's folder: metrics.csv,
// the tables that an analysis leaves (docs/analysis.md) and the contest of its students.
//
// # From a table to a picture
//
//	Table   a CSV file of a run, by columns
//	Run     what a run's folder holds, as far as it is there
//	Figure  panels with a title and a caption, in drawing order
//	Panel   two axes and what lies between them
//	Mark    values of one key: a line, points, bars, arrows or text
//
// A key is what a reader switches on and off: a player, a block side, a run. One
// drawing, through gonum/plot, gives all the files; on the page every panel is an
// inline SVG of its own, so that they stack on a phone, whose colours follow the theme,
// whose keys are groups, and which carries its values for the pointer.
//
// # Determinism
//
// The same tables give the same bytes, in every format: no clock, no random
// names, no order of a map.
package report
