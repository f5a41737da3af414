package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/dialtree/dialtree/admin/yamldoc"
)

// maxFile bounds the configuration file. A real one is under 4 KiB.
const maxFile = 1 << 20

// A Warning is a setting that works, with what its owner should know.
type Warning = yamldoc.Problem

// Load reads the file at path ("": no file, the defaults) and the variables of
// environ, which has the form of os.Environ, and checks everything. An error is of
// the type yamldoc.Problems and holds every mistake.
func Load(path string, environ []string) (*Config, error) {
	c := Default()
	l := &loader{config: c, file: path}
	if path != "" {
		l.readFile()
	}
	l.override(environ)
	// A value of the wrong type kept its default: checks of it would mislead, those of
	// other keys still tell something new.
	l.check()
	l.problems.Sort()
	if err := l.problems.Err(); err != nil {
		return nil, err
	}
	l.warn()
	c.Origins = l.origins()
	return c, nil
}

type loader struct {
	config   *Config
	file     string
	document *yamldoc.Document
	// from names the variable that gave a key its value.
	from     map[string]string
	problems yamldoc.Problems
}

func (l *loader) readFile() {
	text, err := readBounded(l.file)
	if err != nil {
		message := err.Error()
		if errors.Is(err, errMissing) {
			message += ": write one (docs/operations.md shows every key) or leave --config out for the defaults"
		}
		l.problems = append(l.problems, &yamldoc.Problem{File: l.file, Message: message})
		return
	}
	docs, err := yamldoc.Parse(l.file, text)
	if err != nil {
		l.collect(err)
		return
	}
	switch len(docs) {
	case 0:
		return // an empty file is the defaults
	case 1:
		l.document = docs[0]
	default:
		l.problems = append(l.problems, &yamldoc.Problem{File: l.file, Line: docs[1].Line,
			Message: "a configuration is one document: remove this `---`; objects such as upstreams are given to `dialtree apply`"})
		return
	}
	if kind, ok := l.document.Text("kind"); ok {
		l.problems = append(l.problems, l.document.Problem("kind",
			fmt.Sprintf("this file holds an object (%s), no configuration: give it to `dialtree apply -f %s`", kind, l.file)))
		return
	}
	l.collect(l.document.Decode(l.config))
}

var errMissing = errors.New("does not exist")

// readBounded reads a small file. Its errors continue a sentence that begins with the path.
func readBounded(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, errMissing
	case err != nil:
		return nil, fmt.Errorf("cannot be read: %w", pathless(err))
	case info.IsDir():
		return nil, errors.New("is a directory: name the file in it")
	case info.Size() > maxFile:
		return nil, fmt.Errorf("has %d bytes: at most %d are read", info.Size(), maxFile)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", pathless(err))
	}
	return text, nil
}

// pathless takes the path off an error of the file system: the line begins with it.
func pathless(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

func (l *loader) collect(err error) {
	var ps yamldoc.Problems
	if errors.As(err, &ps) {
		l.problems = append(l.problems, ps...)
	}
}

// problem returns a mistake in a key's value, placed where the value came from.
func (l *loader) problem(key, format string, args ...any) *yamldoc.Problem {
	text := fmt.Sprintf(format, args...)
	if variable, ok := l.from[key]; ok {
		return &yamldoc.Problem{File: variable, Path: key, Message: text}
	}
	if l.document != nil {
		return l.document.Problem(key, text)
	}
	return &yamldoc.Problem{File: l.file, Path: key, Message: text}
}

func (l *loader) add(key, format string, args ...any) {
	if l.mistaken(key) {
		return // the value was not understood at all
	}
	l.problems = append(l.problems, l.problem(key, format, args...))
}

// mistaken tells whether a key is known to have a mistake.
func (l *loader) mistaken(key string) bool {
	return slices.ContainsFunc(l.problems, func(p *yamldoc.Problem) bool { return p.Path == key })
}
