package page

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"time"
)

// A text is an English text of the page, to be translated where it is shown. Every literal of
// this type, and every text that a template gives to t or tn, has a translation: a test
// finds those that have none.
type text string

//go:embed messages
var messageFiles embed.FS

// A language is what pages are shown in.
type language struct {
	Code     string
	Title    string          // in itself
	messages map[text]string // of each English text; empty for English
	months   [12]string
	decimal  string
	thousand string
}

var english = language{
	Code: "en", Title: "English", decimal: ".", thousand: ",",
	months: [12]string{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"},
}

var german = language{
	Code: "de", Title: "Deutsch", decimal: ",", thousand: ".", messages: mustMessages("de"),
	months: [12]string{"Jan.", "Feb.", "März", "Apr.", "Mai", "Juni", "Juli", "Aug.", "Sep.", "Okt.", "Nov.", "Dez."},
}

func languages() []language { return []language{english, german} }

// mustMessages reads the translations of a language, a file for each section. They are embedded:
// a file that cannot be read is a mistake of the build, which every test meets.
func mustMessages(code string) map[text]string {
	messages := map[text]string{}
	files, err := fs.Glob(messageFiles, "messages/"+code+"/*.json")
	if err != nil {
		panic(err)
	}
	for _, file := range files {
		content, err := messageFiles.ReadFile(file)
		if err != nil {
			panic(err)
		}
		if err := json.Unmarshal(content, &messages); err != nil {
			panic(fmt.Sprintf("%s: %v", file, err))
		}
	}
	return messages
}

// translate returns a text in the language, with arguments in place of its verbs.
func (l language) translate(t text, arguments ...any) string {
	s, ok := l.messages[t]
	if !ok {
		s = string(t)
	}
	if len(arguments) == 0 || !strings.Contains(s, "%") {
		return s
	}
	return fmt.Sprintf(s, arguments...)
}

// languageOf is the language that the user chose, else one that the browser asks for.
func languageOf(r *http.Request) string {
	if c, err := r.Cookie("language"); err == nil {
		for _, l := range languages() {
			if l.Code == c.Value {
				return l.Code
			}
		}
	}
	for tag := range strings.SplitSeq(r.Header.Get("Accept-Language"), ",") {
		tag, _, _ = strings.Cut(strings.TrimSpace(tag), ";")
		tag, _, _ = strings.Cut(strings.ToLower(tag), "-")
		for _, l := range languages() {
			if l.Code == tag {
				return l.Code
			}
		}
	}
	return english.Code
}

func themeOf(r *http.Request) string {
	if c, err := r.Cookie("theme"); err == nil && (c.Value == "light" || c.Value == "dark") {
		return c.Value
	}
	return ""
}

// settingRoutes let everybody choose how the page looks.
func (p *Page) settingRoutes() {
	for _, setting := range []string{"language", "theme"} {
		p.open("POST /"+setting, func(r *request) error {
			http.SetCookie(r.w, &http.Cookie{
				Name: setting, Value: r.PostFormValue("value"), Path: "/", MaxAge: int((365 * 24 * time.Hour).Seconds()),
				HttpOnly: true, Secure: r.TLS != nil, SameSite: http.SameSiteStrictMode,
			})
			return r.redirect(localPath(r.PostFormValue("to")), "")
		})
	}
}

// localPath returns a path of this page; the first page for anything that could lead elsewhere.
func localPath(to string) string {
	if !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.ContainsAny(to, "\\\r\n\t") {
		return "/"
	}
	return to
}
