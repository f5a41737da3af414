package page

import (
	"strings"
)

// saidSentences are those of apiSentences and such with something in the middle that is not translated, or by itself: %s.
var saidSentences = []text{
	text("nothing was changed: the content that this node shares with others cannot be changed now (%s): logins and searches go on; try again when etcd is back"),
	text("cancelled by %s"),
	text("etcd did not answer while the change was being committed (%s): whether it was made shows when etcd is back: look before doing it again"),
}

// said returns what the API or a node said, in the language, where the page knows it. Something unknown stays as it is.
func (l language) said(s string) string {
	for _, pattern := range saidSentences {
		before, after, _ := strings.Cut(string(pattern), "%s")
		if middle, ok := strings.CutPrefix(s, before); ok {
			if middle, ok = strings.CutSuffix(middle, after); ok {
				return l.translate(pattern, l.cause(middle))
			}
		}
	}
	return l.cause(s)
}

// cause returns an error in the language: what its first words say. What a library had to add, behind a colon, stays as it is.
func (l language) cause(s string) string {
	if _, known := l.messages[text(s)]; known {
		return l.translate(text(s))
	}
	if first, more, ok := strings.Cut(s, ": "); ok {
		return l.translate(text(first)) + ": " + more
	}
	return s
}
