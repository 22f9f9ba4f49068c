package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/alecthomas/kong"

	"radd/distill"
	"radd/internal/input"
	"radd/task"
	"radd/train"
)

// sources are the two ways to set keys of the configuration other than by a
// flag of their own.
type sources struct {
	Config string   `help:"Read keys from a YAML file." placeholder:"F.yaml"`
	Set    []string `help:"Set a key, such as task.bias=0.7; may be repeated." placeholder:"KEY=VALUE" sep:"none"`
}

// apply assigns the keys of the file, then those that were set.
func (s *sources) apply(c *train.Config) error {
	if s.Config != "" {
		data, err := os.ReadFile(s.Config)
		if err != nil {
			return &input.Error{File: "--config", Cause: err}
		}
		if err := c.Read(s.Config, data); err != nil {
			return err
		}
	}
	for _, pair := range s.Set {
		key, value, ok := strings.Cut(pair, "=")
		if !ok {
			return &input.Error{File: "--set", Found: fmt.Sprintf("%q", pair), Allowed: "KEY=VALUE"}
		}
		if err := c.Set("--set", key, value); err != nil {
			return err
		}
	}
	return nil
}

// task returns the task that the sources describe, for commands that have no
// other key. Other keys of a file are those of a run and are passed over.
func (s *sources) task(base task.Config) (task.Config, error) {
	for _, pair := range s.Set {
		if !strings.HasPrefix(pair, "task.") {
			return base, &input.Error{File: "--set", Found: fmt.Sprintf("%q", pair), Allowed: "keys of the task, task.NAME=VALUE"}
		}
	}
	c := train.DefaultConfig()
	c.Task = base
	if err := s.apply(&c); err != nil {
		return base, err
	}
	resolved, err := c.Task.Resolve()
	return resolved, s.blame(err)
}

// blame names the sources in an error of resolving what they set.
func (s *sources) blame(err error) error {
	switch {
	case s.Config != "":
		return train.InFile(s.Config+", --set and flags", err)
	case len(s.Set) > 0:
		return train.InFile("--set and flags", err)
	}
	return train.InFile("flags", err)
}

// keyFlags returns the flags of a command that are keys of the configuration.
func keyFlags(command *kong.Node) map[string]*kong.Flag {
	flags := map[string]*kong.Flag{}
	for _, f := range command.Flags {
		if f.Tag.Has("key") {
			flags[f.Name] = f
		}
	}
	return flags
}

// applyFlags assigns the keys whose flags were given.
func applyFlags(command *kong.Node, c *train.Config) error {
	for name, f := range keyFlags(command) {
		text, ok := f.Target.Interface().(*string)
		if !ok || text == nil {
			continue
		}
		if err := c.Set("--"+name, name, *text); err != nil {
			return err
		}
	}
	return nil
}

// describeKeys gives the flags that are keys of the configuration their help
// and their default.
func describeKeys(k *kong.Kong) error {
	for _, command := range k.Model.Children {
		flags := keyFlags(command)
		c := train.DefaultConfig()
		if command.Name == "distill" {
			c = distill.TraditionalConfig()
		}
		for _, key := range train.Keys() {
			f := flags[key.Name]
			if f == nil {
				continue
			}
			f.Help = fmt.Sprintf("%s%s: %s.", strings.ToUpper(key.Help[:1]), key.Help[1:], key.Allowed)
			f.PlaceHolder = fmt.Sprint(key.Value(&c))
			if f.PlaceHolder == "" {
				f.PlaceHolder = "F"
			}
			delete(flags, key.Name)
		}
		for name := range flags {
			return fmt.Errorf("--%s of %s is no key of the configuration", name, command.Name)
		}
	}
	return nil
}
