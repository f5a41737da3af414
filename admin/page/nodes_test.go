package page

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/dialtree/dialtree/admin"
)

func sampleCluster() *admin.Cluster {
	made := now.Add(-3 * time.Hour)
	at := func(name, version string, index, behind uint64) admin.ClusterNode {
		return admin.ClusterNode{Name: name, ID: "id-" + name, Version: version, Knows: 5, Page: "https://" + name + ".example.com:8389/", Started: now.Add(-50 * time.Hour), Seen: now.Add(-2 * time.Second), Index: index, Behind: behind}
	}
	c := &admin.Cluster{
		Cluster: "5f0c", Node: "berlin-1", Reachable: true, Index: 12345, Head: 12345, Schema: 5, Elected: "berlin-2",
		Snapshot: admin.ClusterSnapshot{Index: 12000, Made: &made, Bytes: 3 << 20, Tail: 1 << 20},
		Nodes:    []admin.ClusterNode{at("berlin-1", "1.4.0", 12345, 0), at("berlin-2", "1.4.0", 12345, 0), at("munich", "1.3.2", 12333, 12)},
		Missing:  []admin.MissingNode{{Name: "oldtown", Seen: now.Add(-2 * time.Hour)}},
		Members: []admin.EtcdMember{{Name: "e1", Endpoint: "https://10.0.0.1:2379", Healthy: true, Leader: true, Version: "3.4.30", Bytes: 20 << 20, InUse: 5 << 20},
			{Name: "e2", Endpoint: "https://10.0.0.2:2379", Error: "connection refused"}},
	}
	c.Nodes[1].Elected = true
	return c
}

func TestNodes(t *testing.T) {
	b := start(t, map[string]any{"GET /cluster": sampleCluster()})
	b.at.Node = "berlin-1"
	w := b.get(t, "/system/nodes")
	wants(t, w, http.StatusOK, "berlin-1", "this node", `href="https://munich.example.com:8389/"`, "12 changes behind", "12,333", "runs the schedules", "up to date", "oldtown", "gone",
		"e1", "healthy", "not well", "connection refused", "3 h ago", "3 MiB", "20 MiB, of which 5 MiB hold something", `href="/system/nodes" aria-current="page"`)
	if strings.Contains(w.Body.String(), "etcd does not answer") {
		t.Error("etcd is said to be away")
	}
	if asked := b.asked[0]; asked.Query.Get("members") != "true" || asked.Query.Has("digest") {
		t.Errorf("asked %+v", asked)
	}
	b.lang = "de"
	wants(t, b.get(t, "/system/nodes"), http.StatusOK, "12 Änderungen zurück", "führt die Zeitpläne aus", "dieser Knoten", "12.333")
}

func TestSaid(t *testing.T) {
	for said, want := range map[string]string{
		"etcd does not answer":                         "etcd antwortet nicht",
		"etcd does not answer: dial tcp: no route":     "etcd antwortet nicht: dial tcp: no route",
		"nobody translated this: etcd does not answer": "nobody translated this: etcd does not answer",
		"100 %s: %d": "100 %s: %d",
		"":           "",
		"nothing was changed: the content that this node shares with others cannot be changed now (etcd does not answer: EOF): logins and searches go on; try again when etcd is back": "Es wurde nichts geändert: Der Inhalt, den dieser Knoten mit anderen teilt, lässt sich im Moment nicht ändern (etcd antwortet nicht: EOF). Anmeldungen und Suchen gehen weiter; versuchen Sie es wieder, wenn etcd zurück ist",
	} {
		if got := german.said(said); got != want {
			t.Errorf("%q is said as %q", said, got)
		}
		if got := english.said(said); got != said {
			t.Errorf("%q is said as %q in English", said, got)
		}
	}
}

// While etcd is away the page shows what was heard last, and says so.
func TestNodesWithoutEtcd(t *testing.T) {
	c := sampleCluster()
	c.Reachable, c.Members, c.Index = false, nil, 12340
	c.Nodes[0].Trouble = "etcd does not answer"
	b := start(t, map[string]any{"GET /cluster": c})
	w := b.get(t, "/system/nodes")
	wants(t, w, http.StatusOK, "what it heard last", "serving, not changing", "None could be asked.", "of 12,345")
	if n := strings.Count(w.Body.String(), "not known"); n != 3 {
		t.Errorf("how the two other nodes are and where the schedules run is said to be unknown %d times", n)
	}
	lacks(t, w, "up to date", "changes behind", "run on berlin-2", "run nowhere", "runs the schedules")
	c.Index = c.Head
	lacks(t, b.get(t, "/system/nodes"), "up to date") // there may be more that it has not heard of
	b.lang = "de"
	wants(t, b.get(t, "/system/nodes"), http.StatusOK, "antwortet, ändert nichts", "etcd antwortet nicht")
}

// What each node keeps for itself is not shown as if it were that of all.
func TestWhatANodeKnowsAlone(t *testing.T) {
	for path, answers := range map[string]map[string]any{
		"/":               {"GET /overview": sampleOverview(), "GET /trends": sampleTrends()},
		"/authentication": authAnswers(), "/users/alice": userAnswers(), "/phones/devices/reception": phoneAnswers(),
		"/system/log": systemAnswers(), "/system/refused": systemAnswers(), "/system/follow": systemAnswers(),
	} {
		b := start(t, answers)
		lacks(t, b.get(t, path), "each node")
		b.at.Node = "b<"
		wants(t, b.get(t, path), http.StatusOK, "node b&lt;", "each node")
	}
}

// What a node tells of itself comes from another machine.
func TestNodesTellNothingThatIsObeyed(t *testing.T) {
	c := sampleCluster()
	c.Nodes[2].Name, c.Nodes[2].Page, c.Nodes[2].Trouble = hostile, "javascript:alert(1)", hostile
	b := start(t, map[string]any{"GET /cluster": c})
	w := b.get(t, "/system/nodes")
	wants(t, w, http.StatusOK, "&lt;script&gt;")
	for _, bad := range []string{hostile, "javascript:"} {
		if strings.Contains(w.Body.String(), bad) {
			t.Errorf("%s is in the page", bad)
		}
	}
}

// A page of thousands of nodes stays below what a page may weigh, and shows those that matter.
func TestManyNodes(t *testing.T) {
	c := sampleCluster()
	for i := range 3000 {
		n := c.Nodes[0]
		n.Name = fmt.Sprintf("front-%04d", i)
		if i == 2998 {
			n.Behind, n.Index = 7, 12338
		}
		c.Nodes = append(c.Nodes, n)
		c.Missing = append(c.Missing, admin.MissingNode{Name: fmt.Sprintf("gone-%04d", i), Seen: now})
	}
	b := start(t, map[string]any{"GET /cluster": c})
	w := b.get(t, "/system/nodes")
	wants(t, w, http.StatusOK, "berlin-1", "berlin-2", "munich", "front-2998", "7 changes behind", "2,903 more nodes.")
	if size := w.Body.Len(); size > 100<<10 {
		t.Errorf("%d bytes", size)
	}
}

func TestNodesAreRefreshed(t *testing.T) {
	b := start(t, map[string]any{"GET /cluster": sampleCluster()})
	r := httptest.NewRequest(http.MethodGet, "/system/nodes", nil)
	r.Header.Set(fragmentHeader, "1")
	w := b.send(t, r)
	wants(t, w, http.StatusOK, "12 changes behind")
	if strings.Contains(w.Body.String(), "<html") {
		t.Error("a whole page came for a part of one")
	}
}

func TestNodesOfOneThatIsAlone(t *testing.T) {
	b := start(t, map[string]any{
		"GET /cluster": &admin.Problem{Status: http.StatusNotFound, Detail: "this node is alone: it shares its content with no other node, as its configuration has no section `cluster`"},
		"GET /status":  &admin.Status{}, "GET /store": &admin.StoreFigures{}, "GET /certificates": []admin.Certificate{},
	})
	b.lang = "de"
	wants(t, b.get(t, "/system/nodes"), http.StatusNotFound, "Dieser Knoten ist allein")
	if w := b.get(t, "/system"); strings.Contains(w.Body.String(), "/system/nodes") {
		t.Error("a node that is alone offers the page of nodes")
	}
	b.at.Node = "berlin-1"
	wants(t, b.get(t, "/system"), http.StatusOK, `<a href="/system/nodes">berlin-1</a>`)
}

// Every page says it while nothing can be changed, to those who have signed in.
func TestBannerWhileNothingCanBeChanged(t *testing.T) {
	since := now.Add(-20 * time.Minute)
	away := admin.Standing{Node: "berlin-1", Trouble: "etcd does not answer", Since: &since}
	b := start(t, map[string]any{"GET /overview": sampleOverview(), "GET /trends": sampleTrends(), "GET /phonebooks": list()})
	for _, path := range []string{"/", "/phonebooks", "/nowhere"} {
		b.at = away
		w := b.get(t, path)
		wants(t, w, w.Code, "Nothing can be changed now.", "Logins and searches go on.", "etcd does not answer, since", `<time datetime="2026-11-24T`)
		b.at = admin.Standing{Node: "berlin-1"}
		if w := b.get(t, path); strings.Contains(w.Body.String(), "Nothing can be changed") {
			t.Errorf("%s says it although all is well", path)
		}
	}
	b.lang, b.at = "de", away
	wants(t, b.get(t, "/"), http.StatusOK, "Im Moment lässt sich nichts ändern.", "etcd antwortet nicht, seit")
	b.who = nil
	if w := b.get(t, "/sign-in"); strings.Contains(w.Body.String(), "etcd") {
		t.Error("a stranger is told")
	}
}

// A page that is loaded again by itself says, too, when something can be changed again.
func TestStandingOfAPageThatIsThere(t *testing.T) {
	answers := connectorAnswers()
	answers["GET /cluster"] = sampleCluster()
	for _, path := range []string{"/system/nodes", "/connectors"} {
		b := start(t, answers)
		again := func() *httptest.ResponseRecorder {
			r := httptest.NewRequest(http.MethodGet, path, nil)
			r.Header.Set("X-Fragment", "1")
			return b.send(t, r)
		}
		wants(t, again(), http.StatusOK, `<div data-into="standing"></div>`)
		b.at = admin.Standing{Node: "berlin-1", Trouble: "etcd does not answer"}
		w := again()
		wants(t, w, http.StatusOK, `<div data-into="standing"><div`, "Nothing can be changed now.")
		lacks(t, w, "<html")
		wants(t, b.get(t, path), http.StatusOK, `<div id="standing"><div`)
	}
}

// Whatever is sent while nothing can be changed, the answer has the sentence; a form comes back as it was typed.
func TestFormsWhileNothingCanBeChanged(t *testing.T) {
	away := &admin.Problem{Status: http.StatusServiceUnavailable,
		Detail: "nothing was changed: the content that this node shares with others cannot be changed now (etcd does not answer): logins and searches go on; try again when etcd is back"}
	const book, user, device = `{"kind":"phonebook","name":"sales"}`, `{"kind":"user","username":"ben"}`, `{"kind":"device","name":"lobby"}`
	const upstream = `{"kind":"upstream","name":"corp","urls":["ldaps://dc1"],"bind_dn":"%@x"}`
	b := start(t, map[string]any{
		"GET /phonebooks": list(book), "GET /phonebooks/sales": withTag(book), "GET /users/ben": withTag(user), "GET /devices/lobby": withTag(device), "GET /devices": list(device),
		"GET /upstreams": list(upstream), "GET /upstreams/corp": withTag(upstream), "GET /users": list(user), "GET /speeddials": list(), "GET /sessions": []admin.Session{},
		"GET /connectors/staff": withTag(staffDocument), "GET /connectors/templates": realTemplates(), "GET /connectors": list(staffDocument),
		"GET /overview": sampleOverview(), "GET /users/ben/origin": admin.Origin{}, "GET /phones": []string{}, "GET /logins": []admin.Login{}, "GET /throttle": admin.Throttled{},
	})
	answers := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			b.fakeAPI.ServeHTTP(w, r)
			return
		}
		w.WriteHeader(away.Status)
		if err := json.NewEncoder(w).Encode(away); err != nil {
			t.Error(err)
		}
	})
	b.page.Over(admin.NewLocalClient(answers))
	for path, form := range map[string]url.Values{
		"/phonebooks/new":                       {"name": {"sales"}, "title": {"typed words"}, "readers": {"everyone"}},
		"/phonebooks/books/sales/settings":      {"title": {"typed words"}, "readers": {"everyone"}, "etag": {"v1"}},
		"/phonebooks/books/sales/delete":        nil,
		"/phonebooks/books/sales/new":           {"displayname": {"typed words"}, "phone": {"1"}},
		"/phonebooks/speeddials/new":            {"displayname": {"typed words"}, "phone": {"1"}, "shortcode": {"7"}},
		"/phones/devices/new":                   {"name": {"lobby"}, "title": {"typed words"}},
		"/phones/devices/lobby/secret":          nil,
		"/phones/devices/lobby/delete":          nil,
		"/users/new":                            {"username": {"ben"}, "displayname": {"typed words"}},
		"/users/ben/state":                      {"enabled": {"false"}},
		"/users/ben/delete":                     nil,
		"/authentication/upstreams/corp/delete": nil,
		"/authentication/reset":                 {"user": {"ben"}},
		"/connectors/staff/delete":              nil,
		"/connectors/staff/jobs":                nil,
		"/connectors/staff/runs/staff-3/undo":   nil,
		"/system/me":                            {"current": {"a"}, "new": {"long enough"}, "again": {"long enough"}},
		"/system/me/sessions/s1":                nil,
	} {
		b.lang = "en"
		w := b.post(t, path, form)
		if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "cannot be changed now (etcd does not answer): logins and searches go on") {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
		for _, typed := range form {
			if typed[0] == "typed words" && !strings.Contains(w.Body.String(), "typed words") {
				t.Errorf("%s: what was typed is gone", path)
			}
		}
		b.lang = "de"
		if w := b.post(t, path, form); !strings.Contains(w.Body.String(), "lässt sich im Moment nicht ändern (etcd antwortet nicht)") {
			t.Errorf("%s: not in German", path)
		}
	}
}
