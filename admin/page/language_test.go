package page

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/dialtree/dialtree/store"
)

// used finds every text of the page: what templates give to t and tn, and literals of type text.
func used(t *testing.T) map[text]string {
	t.Helper()
	all := map[text]string{}
	find := func(file, content string, patterns ...*regexp.Regexp) {
		for _, p := range patterns {
			for _, m := range p.FindAllStringSubmatch(content, -1) {
				for _, quoted := range m[1:] {
					s, err := strconv.Unquote(quoted)
					if err != nil {
						t.Fatalf("%s: %s: %v", file, quoted, err)
					}
					all[text(s)] = file
				}
			}
		}
	}
	const literal = `("(?:[^"\\]|\\.)*")`
	inTemplates := regexp.MustCompile(`[({ ]t ` + literal)
	counted := regexp.MustCompile(`[({ ]tn [^"{}]+ ` + literal + ` ` + literal)
	inCode := regexp.MustCompile(`\btext\(` + literal)
	files, err := fs.Glob(templateFiles, "templates/*.html")
	if err != nil || len(files) < 5 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		content, err := templateFiles.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		find(file, string(content), inTemplates, counted)
	}
	sources, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range sources {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		find(file, string(content), inCode)
	}
	for _, f := range store.Fields() {
		if f.Matching != store.MatchNone && f.Matching != store.MatchBytes { // the form has no others
			all[text(f.Help)] = "the field table"
		}
	}
	if len(all) < 50 {
		t.Fatalf("only %d texts were found", len(all))
	}
	return all
}

var verbs = regexp.MustCompile(`%[sdq]`)

func TestEveryTextIsTranslated(t *testing.T) {
	texts := used(t)
	for english, file := range texts {
		translated, ok := german.messages[english]
		switch {
		case !ok:
			t.Errorf("%s: no German for %q", file, english)
		case strings.Join(verbs.FindAllString(string(english), -1), "") != strings.Join(verbs.FindAllString(translated, -1), ""):
			t.Errorf("%s: other verbs in the German for %q: %q", file, english, translated)
		}
	}
	for english := range german.messages {
		if _, ok := texts[english]; !ok {
			t.Errorf("nothing uses the German for %q", english)
		}
	}
}

// Two sections that translate one text differently would leave it to the order of files which wins.
func TestTextsAreTranslatedOnce(t *testing.T) {
	files, err := fs.Glob(messageFiles, "messages/de/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	key := regexp.MustCompile(`(?m)^\s*("(?:[^"\\]|\\.)*"):`)
	seen := map[string]string{}
	for _, file := range files {
		content, err := messageFiles.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range key.FindAllStringSubmatch(string(content), -1) {
			if first, twice := seen[m[1]]; twice {
				t.Errorf("%s is in %s and in %s", m[1], first, file)
			}
			seen[m[1]] = file
		}
	}
}

// A page is parsed when it is first asked for: here, every one is.
func TestEveryPageParses(t *testing.T) {
	b := start(t, nil)
	files, err := fs.Glob(templateFiles, "templates/*.html")
	if err != nil || len(files) < 30 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		for _, l := range languages() {
			name := strings.TrimSuffix(filepath.Base(file), ".html")
			if _, err := b.page.templates[l.Code].page(name); err != nil {
				t.Errorf("%s: %v", l.Code, err)
			}
		}
	}
}

// What the page translates of the API's sentences is what the API says.
func TestSentencesAreTheAPIs(t *testing.T) {
	var api strings.Builder
	for _, dir := range []string{"..", "../../store", "../../cluster", "../../syncer"} {
		sources, err := filepath.Glob(dir + "/*.go")
		if err != nil || len(sources) == 0 {
			t.Fatal(sources, err)
		}
		for _, file := range sources {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			api.Write(content)
		}
	}
	for _, s := range append(saidSentences, apiSentences...) {
		if !strings.Contains(api.String(), strconv.Quote(string(s))) && !strings.Contains(api.String(), strconv.Quote(strings.Replace(string(s), "%s", "%v", 1))) {
			t.Errorf("the API does not say %q", s)
		}
	}
}
