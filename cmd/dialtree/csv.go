package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"strings"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/csvcell"
	"github.com/dialtree/dialtree/store"
)

// writeCSV writes entries with the headers of the field table. The values of a field
// that holds many are joined by a semicolon.
func writeCSV(w io.Writer, kind admin.Kind, documents []map[string]any) error {
	entryKind, _ := kind.Entry()
	var header []string
	for _, f := range store.Fields() {
		if f.UsedBy(entryKind) != store.Unused && f.Matching != store.MatchNone {
			header = append(header, f.Name)
		}
	}
	out := csv.NewWriter(w)
	if err := out.Write(header); err != nil {
		return err
	}
	row := make([]string, len(header))
	for _, d := range documents {
		if d["removed"] != nil {
			continue // an import would bring it back
		}
		for i, name := range header {
			row[i] = csvcell.Escape(csvCell(d[name]))
		}
		if err := out.Write(row); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

func csvCell(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case []any:
		texts := make([]string, len(v))
		for i := range v {
			texts[i] = fmt.Sprint(v[i])
		}
		return strings.Join(texts, ";")
	}
	return fmt.Sprint(value)
}
