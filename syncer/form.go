package syncer

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/dialtree/dialtree/store"
	"github.com/dialtree/dialtree/syncer/source/xlsx"
)

// FormTargets are the targets that there is a file to be filled in for.
func FormTargets() []string {
	return []string{store.TargetUsers, strings.TrimSuffix(store.TargetPhonebook, "/"), store.TargetSpeedDials}
}

// ImportForm returns a file to be filled in and imported by hand: for one of FormTargets, as xlsx or as csv.
func ImportForm(target, format string) ([]byte, error) {
	kind := map[string]store.Kind{store.TargetUsers: store.KindUser, "phonebook": store.KindContact, store.TargetSpeedDials: store.KindSpeedDial}[target]
	if kind == 0 {
		return nil, fmt.Errorf("%q is not one of %s", target, strings.Join(FormTargets(), ", "))
	}
	t, err := loadTemplate(handTemplate(kind))
	if err != nil {
		return nil, err
	}
	var columns []xlsx.FormColumn
	var names []string
	for _, f := range store.Fields() {
		use := f.UsedBy(kind)
		if _, ok := t.Variables[f.Name]; !ok || use == store.Unused {
			continue
		}
		// A display name is made of other fields where it is missing.
		needed := (use == store.Key || use == store.Required) && f.ID != store.DisplayName
		columns = append(columns, xlsx.FormColumn{Name: f.Name, Needed: needed, Help: f.Help})
		names = append(names, f.Name)
	}
	var out bytes.Buffer
	switch format {
	case "xlsx":
		err = xlsx.WriteForm(&out, target, columns)
	case "csv":
		// The mark makes Excel take it for UTF-8.
		out.WriteString("\xEF\xBB\xBF" + strings.Join(names, ",") + "\r\n")
	default:
		return nil, fmt.Errorf("%q is neither xlsx nor csv", format)
	}
	return out.Bytes(), err
}
