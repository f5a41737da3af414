package openapi

import (
	"fmt"
	"strings"
)

// text makes a text for a property: one that it may well hold, or one that somebody
// sends who means harm.
func (m *Maker) text(name string) string {
	if texts := m.pool.Texts[name]; len(texts) > 0 && m.r.IntN(3) > 0 {
		return m.pick(texts)
	}
	switch n := m.r.IntN(10); {
	case n < 3 && len(m.pool.Names) > 0:
		return m.pick(m.pool.Names)
	case n < 8:
		return m.pick(hostile())
	case n == 8:
		return m.runes()
	}
	return m.pick(hostile()) + m.pick(hostile())
}

// runes are any characters.
func (m *Maker) runes() string {
	var b strings.Builder
	for range m.r.IntN(40) {
		b.WriteRune(rune(m.r.IntN(0x11000) + 1))
	}
	return b.String()
}

// hostile are texts that have done harm somewhere.
func hostile() []string {
	return []string{
		"", " ", "0", "-1", "a", ".", "..", "/", "//", "*", "%", "%00", "%2e%2e%2f", "\x00", "a\x00b",
		"../../../../etc/passwd", `..\..\..\windows\win.ini`, "/etc/passwd", "....//....//etc/hosts", "file:///etc/hosts",
		"{{.}}", "{{printf \"%v\" .}}", "{{template \"x\"}}", "${7*7}", "#{7*7}", "<%= 7*7 %>",
		"<script>alert(1)</script>", `"><img src=x onerror=alert(1)>`, "javascript:alert(1)", "</textarea><svg/onload=alert(1)>",
		"a\r\nSet-Cookie: harm=1", "a\nX-Harm: 1", "a\r\n\r\nHTTP/1.1 200 OK", `a"; filename="harm.exe`,
		`=cmd|' /C calc'!A0`, "+1+1", "@SUM(1)", "-2+3", "\t=1",
		"*)(uid=*))(|(uid=*", "a,b=c+d", `\`, `\2a`, `DOMAIN\user`, "user@example.invalid", "uid=%,dc=x", "%s%n%x", "' OR 1=1 --", "$(id)", "`id`",
		"ß", "ﬀ", "İstanbul", "e\u0301", "\u202etxt.exe", "\ufeff", "\u0000", "😀", "\u2028", "\xff\xfe", "\xc0\xae", string(rune(0xd7ff)), "\U0010ffff",
		"9223372036854775807", "-9223372036854775808", "1e309", "NaN", "0x7f", "true", "null", "[secret]", "2024-02-30T25:61:00Z", "-1h", "9999999h", "@every 1ns", "* * * * *", "0 0 31 2 *",
		"ldap://127.0.0.1:1", "http://127.0.0.1:1/", "https://[::1", "ldaps://", "://", `\\127.0.0.1\share`,
		strings.Repeat("a", 300), strings.Repeat("é", 5000), strings.Repeat("((", 2000), strings.Repeat("1.", 1000), strings.Repeat("9", 400),
		"!!python/object:os.system", "&a [*a, *a]", "a: b: c", "- \t-", "---\n---\n", "|\n x",
		"1 +", "env.HOME", "displayname + displayname", `regexp("(a+)+$")`, "map(1..1000000, #)", "[", ")",
	}
}

// brokenBodies are bodies that are no JSON, or JSON that nobody sends.
func brokenBodies() []string {
	return []string{
		"", "{", "}", "[]", "null", "0", `""`, "true", "{}{}", "{\"a\":1,\"a\":2}", "\x00", "\xff\xfe{\x00}\x00", "<xml/>", "a=b&c=d", "NaN", `{"a":1e999}`, `"\ud800"`, "{\"\xff\":\"\xff\"}",
		strings.Repeat("[", 20000), strings.Repeat("[", 5000) + strings.Repeat("]", 5000), strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat("}", 5000),
		`{"x":"` + strings.Repeat("a", 1<<20) + `"}`, fmt.Sprintf("{%s\"z\":1}", strings.Repeat(`"k":[],`, 20000)),
	}
}
