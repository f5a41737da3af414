package page

import (
	"fmt"
	"html/template"
	"strconv"
	"strings"
	"time"
)

// functions are what templates may call, in one language.
func functions(l language, s *static, now func() time.Time) template.FuncMap {
	return template.FuncMap{
		"t": func(t any, arguments ...any) string { return l.translate(text(fmt.Sprint(t)), arguments...) },
		// tn is a text for one and one for any other number, with the number in place of %s.
		"tn": func(n int, one, many string) string {
			t := text(many)
			if n == 1 {
				t = text(one)
			}
			return l.translate(t, l.number(n))
		},
		"said":    l.said,
		"n":       l.number,
		"decimal": l.float,
		"bytes":   l.bytes,
		"date":    func(at any) template.HTML { return l.timeElement(at, l.date) },
		"time":    func(at any) template.HTML { return l.timeElement(at, l.dateTime) },
		"ago": func(at any) template.HTML {
			return l.timeElement(at, func(t time.Time) string { return l.distance(t, now()) })
		},
		"when": func(at any) template.HTML {
			return l.timeElement(at, func(t time.Time) string { return l.inWords(t, now()) })
		},
		"took":      l.took,
		"icon":      icon,
		"static":    s.url,
		"join":      func(list []string) string { return strings.Join(list, ", ") },
		"lines":     func(list []string) string { return strings.Join(list, "\n") },
		"languages": languages,
		"dict":      dict,
	}
}

// dict makes the argument of a part that takes several: names and values in turn.
func dict(pairs ...any) (map[string]any, error) {
	if len(pairs)%2 != 0 {
		return nil, fmt.Errorf("dict takes pairs")
	}
	m := make(map[string]any, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("dict: %v is no name", pairs[i])
		}
		m[name] = pairs[i+1]
	}
	return m, nil
}

// number writes a whole number with marks between thousands.
func (l language) number(n any) string {
	digits := fmt.Sprint(n)
	sign := ""
	if strings.HasPrefix(digits, "-") {
		sign, digits = "-", digits[1:]
	}
	var out strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			out.WriteString(l.thousand)
		}
		out.WriteRune(d)
	}
	return sign + out.String()
}

// float writes a number with up to one place, none where it is large.
func (l language) float(f float64) string {
	if f >= 10 || f == float64(int(f)) {
		return l.number(int(f + 0.5))
	}
	return strings.Replace(strconv.FormatFloat(f, 'f', 1, 64), ".", l.decimal, 1)
}

func (l language) bytes(n int64) string {
	switch {
	case n < 1<<10:
		return l.number(n) + " B"
	case n < 1<<20:
		return l.float(float64(n)/(1<<10)) + " KiB"
	case n < 1<<30:
		return l.float(float64(n)/(1<<20)) + " MiB"
	}
	return l.float(float64(n)/(1<<30)) + " GiB"
}

// took writes how long something took, given in milliseconds.
func (l language) took(milliseconds float64) string {
	switch {
	case milliseconds < 1:
		return "< 1 ms"
	case milliseconds < 1000:
		return l.float(milliseconds) + " ms"
	}
	return l.float(milliseconds/1000) + " s"
}

func (l language) date(t time.Time) string {
	if l.Code == german.Code {
		return fmt.Sprintf("%d. %s %d", t.Day(), l.months[t.Month()-1], t.Year())
	}
	return fmt.Sprintf("%d %s %d", t.Day(), l.months[t.Month()-1], t.Year())
}

func (l language) dateTime(t time.Time) string { return l.date(t) + ", " + t.Format("15:04:05") }

// distance says how long ago something was, or in how long it will be.
func (l language) distance(t, now time.Time) string {
	d := now.Sub(t)
	past := d >= 0
	if !past {
		d = -d
	}
	var amount string
	switch {
	case d < time.Minute && past:
		return l.translate(text("just now"))
	case d < time.Minute:
		return l.translate(text("in a moment"))
	case d < time.Hour:
		amount = l.translate(text("%d min"), int(d/time.Minute))
	case d < 48*time.Hour:
		amount = l.translate(text("%d h"), int(d/time.Hour))
	default:
		amount = l.translate(text("%d days"), int(d/(24*time.Hour)))
	}
	if past {
		return l.translate(text("%s ago"), amount)
	}
	return l.translate(text("in %s"), amount)
}

// inWords says when something is due: today, tomorrow, or the date, with the time.
func (l language) inWords(t, now time.Time) string {
	clock := t.Format("15:04")
	day := func(t time.Time) time.Time { return time.Date(t.Year(), t.Month(), t.Day(), 12, 0, 0, 0, time.UTC) }
	switch days := int(day(t).Sub(day(now)).Hours() / 24); days {
	case 0:
		return l.translate(text("today at %s"), clock)
	case 1:
		return l.translate(text("tomorrow at %s"), clock)
	}
	return l.translate(text("on %s at %s"), l.date(t), clock)
}

// timeElement writes a time for people, with the exact one for programs and for who points at it.
func (l language) timeElement(at any, write func(time.Time) string) template.HTML {
	var t time.Time
	switch at := at.(type) {
	case time.Time:
		t = at
	case *time.Time:
		if at != nil {
			t = *at
		}
	}
	if t.IsZero() {
		return "–"
	}
	t = t.Local()
	return template.HTML(fmt.Sprintf(`<time datetime="%s" title="%s">%s</time>`,
		t.Format(time.RFC3339), template.HTMLEscapeString(l.dateTime(t)+t.Format(" MST")), template.HTMLEscapeString(write(t))))
}
