package page

import (
	"fmt"
	"html/template"
)

// icons are drawn in strokes on a square of 24.
var icons = map[string]string{
	"overview":   `<path d="M4 13h6V4H4zM14 20h6v-9h-6zM4 20h6v-3H4zM14 7h6V4h-6z"/>`,
	"connectors": `<path d="M4 7h11m-3-3 3 3-3 3M20 17H9m3-3-3 3 3 3"/>`,
	"users":      `<circle cx="9" cy="8" r="3.5"/><path d="M2.5 20c.6-4 3-6 6.5-6s5.9 2 6.5 6M16 4.800a3.5 3.5 0 0 1 0 6.400M18 14.500c2 .8 3.2 2.7 3.5 5.5"/>`,
	"key":        `<circle cx="8" cy="15" r="4.5"/><path d="m11.5 11.5 8-8M16 7l3 3"/>`,
	"phonebook":  `<path d="M6 3h11a2 2 0 0 1 2 2v14a2 2 0 0 1-2 2H6zM3 8h3M3 12h3M3 16h3"/><circle cx="12.5" cy="10" r="2"/><path d="M9 16c.4-2 1.7-3 3.5-3s3.1 1 3.5 3"/>`,
	"phone":      `<path d="M5 3h4l1.5 5-2.300 1.700a13 13 0 0 0 6.1 6.100L16 13.500l5 1.500v4a2 2 0 0 1-2.2 2A17.5 17.5 0 0 1 3 5.2 2 2 0 0 1 5 3z"/>`,
	"system":     `<rect x="3" y="4" width="18" height="7" rx="2"/><rect x="3" y="13" width="18" height="7" rx="2"/><path d="M7 7.500h.01M7 16.500h.01M11 7.500h6M11 16.500h6"/>`,
	"check":      `<path d="m5 12.5 4.5 4.500L19 7.5"/>`,
	"cross":      `<path d="m6 6 12 12M18 6 6 18"/>`,
	"plus":       `<path d="M12 5v14M5 12h14"/>`,
	"edit":       `<path d="m4 20 1-4L16 5l3 3L8 19zM14 7l3 3"/>`,
	"trash":      `<path d="M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v5M14 11v5"/>`,
	"play":       `<path d="M7 4.500v15l12-7.500z"/>`,
	"eye":        `<path d="M2.5 12C4.5 8 8 6 12 6s7.5 2 9.5 6c-2 4-5.5 6-9.5 6s-7.5-2-9.5-6z"/><circle cx="12" cy="12" r="2.8"/>`,
	"undo":       `<path d="M8 5 4 9l4 4M4 9h10a5.5 5.5 0 0 1 0 11h-4"/>`,
	"clock":      `<circle cx="12" cy="12" r="8.5"/><path d="M12 7.500V12l3 2"/>`,
	"warning":    `<path d="M12 4 2.5 20h19zM12 10v4.500M12 17.200v.1"/>`,
	"info":       `<circle cx="12" cy="12" r="8.5"/><path d="M12 11.500V16M12 8v.1"/>`,
	"search":     `<circle cx="10.5" cy="10.5" r="6"/><path d="m15 15 5.5 5.5"/>`,
	"download":   `<path d="M12 4v11m-4.5-4.500L12 15l4.5-4.500M4 20h16"/>`,
	"upload":     `<path d="M12 15V4M7.5 8.5 12 4l4.5 4.500M4 20h16"/>`,
	"copy":       `<rect x="8" y="8" width="12" height="12" rx="2"/><path d="M16 8V6a2 2 0 0 0-2-2H6a2 2 0 0 0-2 2v8a2 2 0 0 0 2 2h2"/>`,
	"lock":       `<rect x="5" y="11" width="14" height="9" rx="2"/><path d="M8 11V8a4 4 0 0 1 8 0v3"/>`,
	"server":     `<rect x="4" y="4" width="16" height="6" rx="1.5"/><rect x="4" y="14" width="16" height="6" rx="1.5"/><path d="M8 7h.01M8 17h.01"/>`,
	"file":       `<path d="M6 3h8l4 4v14H6zM14 3v4h4M9 12h6M9 16h6"/>`,
	"sun":        `<circle cx="12" cy="12" r="4"/><path d="M12 3v2M12 19v2M3 12h2M19 12h2M5.6 5.6 7 7M17 17l1.4 1.400M18.4 5.6 17 7M7 17l-1.4 1.4"/>`,
	"moon":       `<path d="M20 14.500A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.500z"/>`,
	"auto":       `<circle cx="12" cy="12" r="8.5"/><path d="M12 3.500v17a8.5 8.5 0 0 0 0-17z" fill="currentColor"/>`,
	"out":        `<path d="M14 4H6v16h8M10 12h11m-3.5-3.500L21 12l-3.5 3.5"/>`,
	"menu":       `<path d="M4 7h16M4 12h16M4 17h16"/>`,
	"right":      `<path d="m9 5 7 7-7 7"/>`,
	"left":       `<path d="m15 5-7 7 7 7"/>`,
	"person":     `<circle cx="12" cy="8" r="3.8"/><path d="M4.5 20.500c.8-4.5 3.5-6.5 7.5-6.500s6.7 2 7.5 6.5"/>`,
	"dialpad":    `<path d="M6 5h.01M12 5h.01M18 5h.01M6 11h.01M12 11h.01M18 11h.01M6 17h.01M12 17h.01M18 17h.01" stroke-width="3.2"/>`,
	"bolt":       `<path d="M13 3 5 13.500h6L10 21l9-11h-6.500z"/>`,
}

// icon draws an icon. It says nothing to a screen reader: a text stands beside it.
func icon(name string) (template.HTML, error) {
	drawing, ok := icons[name]
	if !ok {
		return "", fmt.Errorf("no icon %s", name)
	}
	return template.HTML(`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true">` + drawing + `</svg>`), nil
}
