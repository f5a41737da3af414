package xlsx

import (
	"fmt"
	"io"

	"github.com/xuri/excelize/v2"
)

// A FormColumn is a column of a file to be filled in.
type FormColumn struct {
	Name   string
	Needed bool
	Help   string // one sentence
}

// WriteForm writes a file to be filled in: a sheet with the column names and one that explains them. The cells hold text,
// so that a spreadsheet leaves the + and the zeros of numbers alone.
func WriteForm(w io.Writer, sheet string, columns []FormColumn) error {
	f := excelize.NewFile()
	defer f.Close() // nothing of it is on a disk
	if err := fillForm(f, sheet, columns); err != nil {
		return fmt.Errorf("write form: %w", err)
	}
	return f.Write(w)
}

func fillForm(f *excelize.File, sheet string, columns []FormColumn) error {
	const help = "Help"
	if err := f.SetSheetName(f.GetSheetName(0), sheet); err != nil {
		return err
	}
	if _, err := f.NewSheet(help); err != nil {
		return err
	}
	const textFormat = 49 // "@"
	text, err := f.NewStyle(&excelize.Style{NumFmt: textFormat})
	if err != nil {
		return err
	}
	bold, err := f.NewStyle(&excelize.Style{NumFmt: textFormat, Font: &excelize.Font{Bold: true}})
	if err != nil {
		return err
	}
	names, rows := make([]any, len(columns)), [][]any{{"column", "needed", "what it holds"}}
	for i, c := range columns {
		names[i] = c.Name
		needed := "no"
		if c.Needed {
			needed = "yes"
		}
		rows = append(rows, []any{c.Name, needed, c.Help})
	}
	last, err := excelize.ColumnNumberToName(len(columns))
	if err != nil {
		return err
	}
	frozen := &excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}
	for _, step := range []func() error{
		func() error { return f.SetColWidth(sheet, "A", last, 18) },
		func() error { return f.SetColStyle(sheet, "A:"+last, text) },
		func() error { return f.SetSheetRow(sheet, "A1", &names) },
		func() error { return f.SetCellStyle(sheet, "A1", last+"1", bold) },
		func() error { return f.SetPanes(sheet, frozen) },
		func() error { return f.SetColWidth(help, "A", "A", 18) },
		func() error { return f.SetColWidth(help, "C", "C", 80) },
		func() error { return f.SetCellStyle(help, "A1", "C1", bold) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	for i, row := range rows {
		if err := f.SetSheetRow(help, fmt.Sprintf("A%d", i+1), &row); err != nil {
			return err
		}
	}
	return nil
}
