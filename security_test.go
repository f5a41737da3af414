package dialtree_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Each promise in docs/security.md names tests that show it, and all of those are there.
func TestPromisesAreShownByTests(t *testing.T) {
	text, err := os.ReadFile("docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	_, promises, found := strings.Cut(string(text), "\n## What is promised\n")
	promises, _, ended := strings.Cut(promises, "\n## ")
	if !found || !ended {
		t.Fatal("the document has no part about promises")
	}
	tests := testsOfTheTree(t)
	named := regexp.MustCompile(`\b([a-z0-9]+)\.(Test[A-Za-z0-9_]+)`)
	total := 0
	for line := range strings.Lines(promises) {
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "|---") || strings.Contains(line, "| promise | shown by |") {
			continue
		}
		names := named.FindAllStringSubmatch(line, -1)
		if len(names) == 0 {
			t.Errorf("no test shows: %s", line)
		}
		for _, name := range names {
			total++
			if !tests[name[0]] {
				t.Errorf("there is no test %s", name[0])
			}
		}
	}
	if total < 80 {
		t.Errorf("%d tests are named", total)
	}
	for i := 1; i <= 22; i++ {
		if !strings.Contains(promises, fmt.Sprintf("| R%d |", i)) {
			t.Errorf("nothing is promised for R%d", i)
		}
	}
}

// testsOfTheTree are all tests, each as its package's folder and its name.
func testsOfTheTree(t *testing.T) map[string]bool {
	t.Helper()
	tests := make(map[string]bool)
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Test") {
				tests[filepath.Base(filepath.Dir(path))+"."+f.Name.Name] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return tests
}
