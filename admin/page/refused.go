package page

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/dialtree/dialtree/admin"
)

type refusedData struct {
	Tabs          []tab
	Records       []admin.Refusal
	User, Address string
	File          string // where the file is, up to its format
	First, Next   string
	Problem       string // with what is asked for
}

// refused shows what was not let in.
func (r *request) refused() error {
	data := refusedData{Tabs: r.systemTabs(), User: r.FormValue("user"), Address: r.FormValue("address")}
	query := url.Values{"user": {data.User}, "address": {data.Address}}
	data.File = "/system/refused/file?" + query.Encode() + "&format="
	o := r.refusedOptions()
	o.Limit = pageSize
	o.After, _ = strconv.ParseUint(r.FormValue("after"), 10, 64)
	var err error
	data.Records, err = r.page.api.Refusals(r.Context(), o)
	if problem, ok := problemOf(err); ok {
		data.Problem = problem.Error()
	} else if err != nil {
		return err
	}
	if o.After > 0 {
		data.First = "/system/refused?" + query.Encode()
	}
	if len(data.Records) == pageSize {
		query.Set("after", strconv.FormatUint(data.Records[pageSize-1].N, 10))
		data.Next = "/system/refused?" + query.Encode()
	}
	return r.show("refused", text("Refused"), data)
}

func (r *request) refusedOptions() admin.RefusalOptions {
	return admin.RefusalOptions{User: r.FormValue("user"), Address: r.FormValue("address")}
}

type followData struct {
	Tabs   []tab
	What   string // empty: nothing yet
	Events string // where the script reads what happens
}

// follow shows what somebody's phones ask, as it happens. The script reads the events from the API itself.
func (r *request) follow() error {
	if !r.who.May("admin") {
		return &admin.Problem{Status: http.StatusForbidden, Detail: "following needs the scope admin"}
	}
	data := followData{Tabs: r.systemTabs(), What: r.FormValue("what")}
	data.Events = "/api/v1/trace/events?" + url.Values{"what": {data.What}}.Encode()
	return r.show("follow", text("Follow live"), data)
}
