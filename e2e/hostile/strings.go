package hostile

import (
	"bytes"
	"fmt"
	"strings"
)

// evil are strings that are none, or more than that.
var evil = []struct{ name, text string }{
	{"NUL", "a\x00b"},
	{"only NULs", "\x00\x00\x00\x00"},
	{"newlines", "a\nb\r\nc\rd"},
	{"a forged log line", "a\n{\"level\":\"INFO\",\"msg\":\"bind\",\"outcome\":\"accepted\"}\n"},
	{"escape sequences", "\x1b[2J\x1b]0;owned\x07\x1b[31m"},
	{"invalid UTF-8", "a\xff\xfe\xc0\xafb"},
	{"overlong UTF-8", "\xc0\x80\xe0\x80\x80\xf0\x80\x80\x80"},
	{"surrogates", "\xed\xa0\x80\xed\xb0\x80"},
	{"beyond Unicode", "\xf4\x90\x80\x80\xf8\x88\x80\x80\x80"},
	{"half a character", "\xe2\x82"},
	{"directions", "\u202eadmin\u202c\u200b\ufeff"},
	{"combining marks", "a" + strings.Repeat("\u0301", 500)},
	{"DN syntax", `cn=a+sn=b,cn="c",cn=\,\=\00,=,,+,`},
	{"filter syntax", "*)(uid=*))(|(uid=*"},
	{"escapes cut off", `cn=\`},
	{"hex cut off", `cn=\0`},
	{"a DN of hash", "cn=#04024869,cn=#zz"},
	{"format verbs", "%s%n%d%x%%%p"},
	{"names of files", "../../../../etc/passwd"},
	{"markup", "<script>alert(1)</script>"},
	{"a shell", "$(reboot)`reboot`;reboot|reboot"},
	{"nothing", ""},
	{"blanks", "      "},
	{"4 KiB", strings.Repeat("A", 4<<10)},
	{"60 KiB", strings.Repeat("A", 60<<10)},
	{"60 KiB of commas", strings.Repeat(",", 60<<10)},
	{"4000 RDNs", strings.Repeat("cn=a,", 4000) + "dc=x"},
}

// texts puts each of them into each string of each message. All of it is well-formed: it gets an answer.
func texts(s *Subject) []Case {
	var all []Case
	for _, r := range s.requests() {
		root := parse(r.bytes)
		for i, at := range root.all() {
			if i < 2 || at.tag&0x20 != 0 || at.tag == tagInteger || at.tag == tagEnumerated || at.tag == tagBoolean {
				continue
			}
			if (r.name == "unbind" || r.name == "abandon") || (bytes.Equal(at.value, []byte{0xff})) {
				continue
			}
			for _, e := range evil {
				b := root.with(at, func([]byte) []byte { return tlv(at.tag, []byte(e.text)) })
				all = append(all, one(Texts, fmt.Sprintf("%s with %s in element %d (%#02x)", r.name, e.name, i, at.tag), b, Answer))
			}
		}
	}
	return all
}
