package terminal

// A Colour is how a terminal shows a text: the parameter of "select graphic rendition" (ECMA-48, section 8.3.117).
type Colour string

// The colours that states have.
const (
	Plain  Colour = ""
	Green  Colour = "32"
	Yellow Colour = "33"
	Red    Colour = "31"
)

// Paint colours a printable text, where there are colours.
func (t Terminal) Paint(c Colour, text string) string {
	if !t.Colour || c == Plain || text == "" {
		return text
	}
	return "\x1b[" + string(c) + "m" + text + "\x1b[0m"
}

// StateColour returns the colour of a word that says how something is: done is green, stopped yellow, failed red.
func StateColour(word string) Colour {
	switch word {
	case "done", "ok", "up", "fresh", "accepted", "ready", "created":
		return Green
	case "stopped", "stale", "partly", "running", "warning", "throttled", "busy", "updated", "WARN":
		return Yellow
	case "failed", "FAIL", "down", "critical", "refused", "unavailable", "disabled", "expired", "rejected", "removed", "ERROR":
		return Red
	}
	return Plain
}
