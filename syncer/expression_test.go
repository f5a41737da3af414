package syncer

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/dialtree/dialtree/syncer/source"
)

var germany = Numbers{Country: "49", Trunk: "0", International: "00"}

// testRecord has a column that is called like a function, one with a blank and one with many values.
func testRecord() *source.Record {
	columns, _ := source.NewColumns([]string{"phone", "Name with blanks", "first", "empty", "many", "umlaut", "e-mail", "Room"})
	return &source.Record{Row: 2, Columns: columns, Values: [][]string{{"030 1234567"}, {"blank"}, {"Ann"}, nil, {"a", "b"}, {"Ünïcödé"}, {"x@y"}, {"7"}}}
}

func TestExpressions(t *testing.T) {
	tests := []struct {
		expression string
		want       []string
	}{
		{`phone`, []string{"030 1234567"}},
		{` phone `, []string{"030 1234567"}},
		{`many`, []string{"a", "b"}},
		{`empty`, nil},
		{`e-mail`, []string{"x@y"}},
		{`first`, []string{"Ann"}},
		{`room`, []string{"7"}},
		{`"room " + room`, []string{"room 7"}},
		{`Name with blanks`, []string{"blank"}},
		{`col("Name with blanks") + "!"`, []string{"blank!"}},
		{`col("first")`, []string{"Ann"}},
		{`first(empty, "  ", phone)`, []string{"030 1234567"}},
		{`default(empty, "none")`, []string{"none"}},
		{`default(phone, "none")`, []string{"030 1234567"}},
		{`join(split("a; b ;;c", ";"))`, []string{"a, b, c"}},
		{`join(split("a;b", ";"), "/")`, []string{"a/b"}},
		{`split("a;b", ";")`, []string{"a", "b"}},
		{`["a", phone, ""]`, []string{"a", "030 1234567"}},
		{`lower(umlaut)`, []string{"ünïcödé"}},
		{`upper(umlaut)`, []string{"ÜNÏCÖDÉ"}},
		{`trim("  a ")`, []string{"a"}},
		{`truncate(umlaut, 3)`, []string{"Ünï"}},
		{`truncate(umlaut, 99)`, []string{"Ünïcödé"}},
		{`replace(phone, " ", "")`, []string{"0301234567"}},
		{`replace(phone, "", "x")`, []string{"030 1234567"}},
		{`match(phone, "^0[0-9]+ ") ? "yes" : "no"`, []string{"yes"}},
		{`phone matches "^9" ? "yes" : "no"`, []string{"no"}},
		{`digits("+49 (30) 1")`, []string{"49301"}},
		{`prefix(phone, "0")`, []string{"0030 1234567"}},
		{`prefix(empty, "0")`, nil},
		{`e164(phone)`, []string{"+49301234567"}},
		{`len(phone) > 3 && phone startsWith "030" ? "yes" : "no"`, []string{"yes"}},
		{`1 + 2`, []string{"3"}},
		{`""`, nil},
		{`let a = phone + phone; a + "x"`, []string{"030 1234567030 1234567x"}},
		{`umlaut[0:1]`, nil}, // half a letter is dropped
		// Functions of texts give one for each of several values, which operators take the first of.
		{`upper(many)`, []string{"A", "B"}},
		{`prefix(upper(trim(many)), "x")`, []string{"xA", "xB"}},
		{`replace(truncate(many, 1), "b", "c")`, []string{"a", "c"}},
		{`join(upper(many), "/")`, []string{"A/B"}},
		{`split(many, "a")`, []string{"b"}},
		{`default(many, phone)`, []string{"a", "b"}},
		{`default(empty, many)`, []string{"a", "b"}},
		{`first(many)`, []string{"a"}},
		{`many + "!"`, []string{"a!"}},
		{`upper(many) + "!"`, []string{"A!"}},
		{`upper(many) == "A" ? "yes" : "no"`, []string{"yes"}},
		{`(phone != "" ? upper(many) : "x") == "A" ? upper(many) : "no"`, []string{"A", "B"}},
		{`let m = upper(many); m + m`, []string{"AA"}},
		{`[upper(many), "c"]`, []string{"A", "c"}},
		{`len(upper(many))`, []string{"1"}},
		{`match(upper(many), "^A") ? "yes" : "no"`, []string{"yes"}},
		{`col("many")`, []string{"a"}},
		{`lower(col("many"))`, []string{"a", "b"}},
		{`inGroup(many, "B") ? "yes" : "no"`, []string{"yes"}},
		{`inGroup(many, "c") ? "yes" : "no"`, []string{"no"}},
		{`inGroup("CN=Phone Users,OU=Groups,DC=example,DC=com", "phone users") ? "yes" : "no"`, []string{"yes"}},
		{`rdn("CN=Phone Users,OU=Groups,DC=example,DC=com")`, []string{"Phone Users"}},
		{`rdn(many)`, []string{"a", "b"}},
		{`ou("uid=a,ou=Sales,OU=Berlin,dc=example")`, []string{"Sales", "Berlin"}},
		{`first(ou("uid=a,ou=Sales,OU=Berlin,dc=example"))`, []string{"Sales"}},
		{`ou("uid=a,ou=Sales,OU=Berlin,dc=example") + "!"`, []string{"Sales!"}},
		{`ou(many)`, nil},
	}
	for _, tt := range tests {
		r := testRecord()
		e, err := compile(tt.expression, r.Columns, germany)
		if err != nil {
			t.Errorf("%s: %v", tt.expression, err)
			continue
		}
		got, err := e.values(r)
		if err != nil || strings.Join(got, "|") != strings.Join(tt.want, "|") {
			t.Errorf("%s: %q, %v, want %q", tt.expression, got, err, tt.want)
		}
	}
}

func TestBadExpressions(t *testing.T) {
	tests := []struct{ expression, want string }{
		{`fone + "x"`, `there is no column "fone": is it "phone"? (position 1)`},
		{`"x" + lower(nothing)`, `there is no column "nothing": there are "phone", "Name with blanks", "first", "empty", "many", "umlaut", "e-mail", "Room" (position 13)`},
		{`col("Name wth blanks")`, `there is no column "Name wth blanks": is it "Name with blanks"? (position 1)`},
		{`col(phone)`, `col wants the name of a column in quotes, as in col("Phone number") (position 1)`},
		{`shout(phone)`, `there is no function "shout": there are col, default, digits, e164, first, inGroup, join, len, lower, match, ou, prefix, rdn, replace, split, trim, truncate, upper (position 1)`},
		{`match(phone, first)`, `match wants its pattern in quotes, as in match(phone, "^\\+49") (position 1)`},
		{`1..1000000`, "ranges are not available (position 2)"},
		{`repeat(phone, 1000000)`, `there is no function "repeat": there are col, default, digits, e164, first, inGroup, join, len, lower, match, ou, prefix, rdn, replace, split, trim, truncate, upper (position 1)`},
		{`reduce([1], # > 0)`, `there is no function "reduce": there are col, default, digits, e164, first, inGroup, join, len, lower, match, ou, prefix, rdn, replace, split, trim, truncate, upper (position 1)`},
		{strings.Repeat("x", maxExpression+1), "the expression is longer than 4096 bytes"},
	}
	for _, tt := range tests {
		_, err := compile(tt.expression, testRecord().Columns, germany)
		if err == nil || err.Error() != tt.want {
			t.Errorf("%s: %v\nwant %s", tt.expression, err, tt.want)
		}
	}
	for _, expression := range []string{`phone +`, `phone + 1`, `lower(1)`, `lower()`, `match(phone, "(")`, strings.Repeat("(", 3000)} {
		if _, err := compile(expression, testRecord().Columns, germany); err == nil {
			t.Errorf("%s was accepted", expression)
		}
	}
}

func TestExpressionsFailAtARecord(t *testing.T) {
	grow := `let a = umlaut + umlaut + umlaut + umlaut + umlaut + umlaut + umlaut + umlaut; let b = a+a+a+a+a+a+a+a; let c = b+b+b+b+b+b+b+b; let d = c+c+c+c+c+c+c+c; d+d+d+d`
	tests := []struct{ expression, want string }{
		{grow, "the text is longer than 65536 bytes"},
		{`phone == "x"`, "the result is neither text nor a list of texts"},
		{`[[phone]]`, "the result is a list within a list"},
		{`truncate(phone, 0 - 1)`, "truncate wants a number of letters"},
		{`split(phone, empty)`, "split wants something to split at"},
	}
	for _, tt := range tests {
		r := testRecord()
		e, err := compile(tt.expression, r.Columns, germany)
		if err != nil {
			t.Errorf("%s: %v", tt.expression, err)
			continue
		}
		if _, err := e.values(r); err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %s", tt.expression, err, tt.want)
		}
	}
}

func TestDNParts(t *testing.T) {
	tests := []struct {
		dn   string
		want []dnPart
	}{
		{`uid=a`, []dnPart{{"uid", "a"}}},
		{`cn=Smith\, John + uid=x , ou=a\2Cb`, []dnPart{{"cn", "Smith, John"}, {"uid", "x"}, {"ou", "a,b"}}},
		{`cn=\C3\A4\20,dc=`, []dnPart{{"cn", "ä "}, {"dc", ""}}},
		{`cn= a  b ;dc=c`, []dnPart{{"cn", "a  b"}, {"dc", "c"}}},
		{`cn=a=b`, []dnPart{{"cn", "a=b"}}},
		{`Phone Users`, nil}, {``, nil}, {`cn=a\`, nil}, {`cn=a,`, nil}, {`=a`, nil}, {`a,b=c`, nil},
	}
	for _, tt := range tests {
		if got, ok := dnParts(tt.dn); !slices.Equal(got, tt.want) || ok != (tt.want != nil) {
			t.Errorf("%s: %q, %v", tt.dn, got, ok)
		}
	}
}

// FuzzDNParts escapes what was read and reads it again.
func FuzzDNParts(f *testing.F) {
	for _, s := range []string{`uid=a,ou=b`, `cn=Smith\, John+uid=x`, `cn=\C3\A4\20,dc=`, `Phone Users`, `cn=a\`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, dn string) {
		parts, ok := dnParts(dn)
		if !ok {
			return
		}
		var again []string
		for _, p := range parts {
			var b strings.Builder
			for _, c := range []byte(p.value) {
				fmt.Fprintf(&b, `\%02x`, c)
			}
			again = append(again, p.attribute+"="+b.String())
		}
		if got, ok := dnParts(strings.Join(again, ",")); !ok || !slices.Equal(got, parts) {
			t.Fatalf("%q, then %q", parts, got)
		}
	})
}

func TestE164(t *testing.T) {
	tests := []struct {
		numbers Numbers
		number  string
		want    string
	}{
		{germany, "+49 30 1234567", "+49301234567"},
		{germany, "+49 (0)30 1234567", "+49301234567"},
		{germany, "0049 30/1234567", "+49301234567"},
		{germany, "030-1234567", "+49301234567"},
		{germany, "(030) 1234567", "+49301234567"},
		{germany, "+43 1 12345678", "+43112345678"},
		{germany, "30000", "30000"},
		{germany, "*97", "*97"},
		{germany, "112", "112"},
		{germany, "", ""},
		{germany, "ask Bob", "ask Bob"},
		{germany, "00", "00"},
		{germany, "0", "0"},
		{germany, "+", "+"},
		{germany, "4,9E+11", "4,9E+11"},
		{Numbers{"45", "", "00"}, "32 12 34 56", "+4532123456"},
		{Numbers{"45", "", "00"}, "97", "97"},
		{Numbers{"1", "1", "011"}, "1 (212) 555-0123", "+12125550123"},
		{Numbers{"1", "1", "011"}, "011 49 30 1234567", "+49301234567"},
	}
	for _, tt := range tests {
		if got := tt.numbers.e164(tt.number); got != tt.want {
			t.Errorf("%v %q: %q, want %q", tt.numbers, tt.number, got, tt.want)
		}
	}
}

func TestDialable(t *testing.T) {
	tests := map[string]bool{
		"+49 30 1234": true, "(+49) 30 1234": true, "030/1234": true, "30000": true, "*97": true, "#21#": true, "*31*0301234#": true, "112": true,
		"+49 (0)30 12\u201334": true, "alice@example.com": true, "sip:alice@example.com": true, "030\u00a01234": true,
		"ask Bob": false, "030 1234 (desk)": false, "4,9E+11": false, "030 1234, 030 1235": false, "-": false, "()": false, "+": false,
		"30+49": false, "@example.com": false, "alice@": false, "Alice <alice@example.com>": false, strings.Repeat("1", 101): false,
	}
	for number, want := range tests {
		if got := dialable(number); got != want {
			t.Errorf("%q: %v", number, got)
		}
	}
}

// FuzzDialable holds that a number which e164 understands can be dialled, and so can what it makes of it.
func FuzzDialable(f *testing.F) {
	for _, s := range []string{"+49 (0)30 1234567", "030-1234567", "*97", "ask Bob", "4,9E+11", "a@b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, number string) {
		if made := germany.e164(number); made != number && !(dialable(number) && dialable(made)) {
			t.Fatalf("%q becomes %q", number, made)
		}
	})
}

// FuzzExpression compiles and runs anything: no panic, and results within the bounds.
func FuzzExpression(f *testing.F) {
	for _, s := range []string{`phone`, `e164(phone)`, `"a" + col("first")`, `split(many, ";")`, `let a = phone + phone; a + a`, `let m = upper(many); m == "A" ? lower(many) : rdn(many)`, `[phone, [1]]`,
		`{"a": phone}`, `match(phone, "a*")`, `truncate(phone, 2 ** 70)`, `phone[1:2]`, `1 / 0`, `phone ?? "x" | lower`, `not (phone in ["a"])`, `$env`, `len(phone)`} {
		f.Add(s, "030 1", true)
		f.Add(s, "ü\x00\xff", false)
		f.Add(s, "\xff", true)
	}
	f.Fuzz(func(t *testing.T, text, value string, known bool) {
		r := testRecord()
		if value != "" {
			r.Values[0] = []string{value}
		}
		columns := r.Columns
		if !known {
			columns = nil
		}
		if e, err := compile(text, columns, germany); err == nil && known {
			got, err := e.values(r)
			if err == nil && e.column < 0 && (len(got) > maxParts || slices.ContainsFunc(got, func(s string) bool { return s == "" || len(s) > maxText })) {
				t.Fatalf("%q gave %d values", text, len(got))
			}
		}
		if e, err := compileFilter(text, columns, germany); err == nil && known {
			e.keeps(r) // an error is fine
		}
	})
}
