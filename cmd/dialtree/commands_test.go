package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	jobRunning = `{"id":"j2","connector":"staff","dry_run":false,"by":"carol","started":"2026-11-24T10:00:00Z","progress":{"phase":"apply","done":2,"total":9},"done":false}`
	jobEnded   = `{"id":"j1","connector":"crm","dry_run":false,"by":"schedule","started":"2026-11-24T09:00:00Z","progress":{"phase":"apply","done":9,"total":9},"done":true,"report":{"run":{"id":"crm-1","connector":"crm","result":"done","created":3},"dry_run":false}}`
	runDone    = "event: progress\ndata: {\"phase\":\"fetch\",\"done\":1,\"total\":0}\n\nevent: report\ndata: {\"run\":{\"id\":\"staff-3\",\"connector\":\"staff\",\"result\":\"done\",\"created\":2},\"dry_run\":false}\n\n"
	runStopped = "event: report\ndata: {\"run\":{\"connector\":\"staff\",\"result\":\"stopped\",\"removed\":90,\"error\":\"90 of 100 would be removed\"},\"dry_run\":false}\n\n"
	planReport = `{"run":{"connector":"staff","result":"stopped","created":1,"updated":1,"rejected":1},"dry_run":true,"changes":[
		{"change":"create","name":"bob"},
		{"change":"update","name":"alice","fields":[{"field":"phone","old":"101","new":"102"},{"field":"title","old":"","new":"=HYPERLINK()"}]},
		{"change":"reject","name":"","row":7,"column":"mail","reason":"is no address"}]}`
)

const (
	traced  = "event: trace\ndata: " + `{"events":[{"at":"2026-11-24T10:00:00Z","conn":7,"client":"192.0.2.1:5060","message":2,"kind":"request","what":"bind","attrs":[{"key":"name","value":"alice"},{"key":"method","value":"simple"}]},{"at":"2026-11-24T10:00:00Z","conn":7,"client":"192.0.2.1:5060","kind":"ended","what":"connection","attrs":[{"key":"reason","value":"a \u001b[2J b"}]}],"lost":4}` + "\n\n: alive\n\n"
	liveNow = `{"n":3,"at":"2026-11-24T10:00:00Z","seconds":2,"uptime_seconds":3723,"binds":{"count":10,"per_second":5,"p50_milliseconds":1.5,"p99_milliseconds":90},"outcomes":{"accepted":8,"refused":2,"odd":1},"searches":{"count":0},"connections":12,
		"upstreams":[{"name":"corp","binds":{"count":4,"per_second":2,"p50_milliseconds":3,"p99_milliseconds":80},"servers":[{"server":"dc1:636","up":false},{"server":"dc2:636","up":true}],"idle":3,"busy":1},{"name":"old","binds":{"count":0},"servers":[{"server":"x:389","up":false}]}],
		"throttled":{"user_count":1,"users":[{"name":"alice","failures":5,"last":"2026-11-24T10:00:00Z"}],"address_count":0,"addresses":[]},
		"refused_names":[{"name":"mal\u001blory","count":7}],"refused_addresses":[{"name":"192.0.2.9","count":3},{"name":"192.0.2.8","count":1}],
		"runs":[{"connector":"staff","by":"schedule","started":"2026-11-24T10:00:00Z","phase":"plan","done":3,"total":9}],"memory":{"resident_bytes":104857600,"heap_bytes":52428800,"goroutines":31,"descriptors":19}}`
)

// topFrameText is what top makes of liveNow where there is no terminal.
var topFrameText = "dialtree  up 1h2m3s  connections 12  memory 100 MB (heap 50 MB)  goroutines 31  descriptors 19  " + time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC).Local().Format(time.TimeOnly) + `

logins    5.0/s  p50 1.50 ms  p99 90.00 ms
          accepted 4.0/s  refused 1.0/s  odd 0.5/s
searches  0/s

Upstreams, the slowest first
UPSTREAM  STATE   BINDS/S  P50      P99       POOL            DOWN
corp      partly  2.0      3.00 ms  80.00 ms  1 busy, 3 idle  dc1:636
old       down    0.0                         0 busy, 0 idle  x:389

Throttled (accounts 1, addresses 0)
WHO    FAILURES  UNTIL
alice  5

Refused in the last minute
NAME      TIMES  ADDRESS    TIMES
mal` + "\uFFFD" + `lory  7      192.0.2.9  3
                 192.0.2.8  1

Running
CONNECTOR  PHASE  DONE  SINCE     BY
staff      plan   3/9   ` + time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC).Local().Format(time.TimeOnly) + `  schedule
`

// TestCommands holds what each command asks the server, and what it makes of the answer.
func TestCommands(t *testing.T) {
	for _, tc := range []struct {
		name    string
		args    string
		stdin   string
		answers map[string]string
		asked   string // all requests; empty: not looked at
		code    int
		stdout  string // all of it, unless it begins with "~": then a part
		stderr  string // a part
	}{
		{name: "sessions", args: "session list -o csv",
			answers: map[string]string{"GET /sessions": `[{"id":"k7","name":"carol","role":"admin","from":"192.0.2.1","agent":"=cmd","seen":"2026-11-24T10:00:00Z","expires":"2026-11-24T18:00:00Z"}]`},
			stdout:  "session,name,role,from,seen,expires,browser\nk7,carol,admin,192.0.2.1,2026-11-24T10:00:00Z,2026-11-24T18:00:00Z,'=cmd\n"},
		{name: "no sessions are a list", args: "session list -o json", answers: map[string]string{"GET /sessions": `null`}, stdout: "[]\n"},
		{name: "end a session", args: "session end k7/x", answers: map[string]string{"DELETE /sessions/k7/x": ""}, asked: "DELETE /sessions/k7/x", stdout: "ended session k7/x\n"},
		{name: "audit", args: "audit --who carol --query staff --limit 5", asked: "GET /audit?limit=5&q=staff&who=carol",
			answers: map[string]string{"GET /audit": `[{"n":1,"at":"2026-11-24T10:00:00Z","who":"carol","door":"session","from":"","action":"updated","kind":"user","name":"a\u001b[2Jb","fields":[{"field":"phone","old":"1","new":"2"}],"more":2}]`},
			stdout:  `~carol  session        updated  user  a` + "\uFFFD" + `[2Jb  phone: "1" → "2", and 2 more`},
		{name: "the audit log as a file", args: "audit export --format json", answers: map[string]string{"GET /audit/file": "{}\n"}, asked: "GET /audit/file?format=json", stdout: "{}\n"},
		{name: "refused", args: "audit --refused --user alice --address 192.0.2.0/24 --outcome refused --limit 5 -o csv", asked: "GET /audit/refusals?address=192.0.2.0%2F24&limit=5&outcome=refused&user=alice",
			answers: map[string]string{"GET /audit/refusals": `[{"n":1,"first":"2026-11-24T10:00:00Z","last":"2026-11-24T10:00:09Z","count":3,"door":"ldaps","name":"=alice","from":"192.0.2.1","outcome":"refused","code":49,"reason":"wrong password"}]`},
			stdout:  "last,count,door,name,from,outcome,code,reason,first\n2026-11-24T10:00:09Z,3,ldaps,'=alice,192.0.2.1,refused,49,wrong password,2026-11-24T10:00:00Z\n"},
		{name: "refused as a file", args: "audit export --refused --format json", asked: "GET /audit/refusals/file?format=json", answers: map[string]string{"GET /audit/refusals/file": "{}\n"}, stdout: "{}\n"},
		{name: "refused and done", args: "audit --refused --who carol", code: 2, stderr: "--who does not go with --refused"},
		{name: "done with a user", args: "audit --user alice", code: 2, stderr: "--user needs --refused"},
		{name: "refused in the future", args: "audit --refused --since -1h", code: 2, stderr: "must be above 0"},
		{name: "trace", args: "trace alice --for 1m", asked: "GET /trace/events?seconds=60&what=alice",
			answers: map[string]string{"GET /trace/events": traced}, stderr: "4 events came too fast",
			stdout: "~#7 192.0.2.1:5060 > bind name=alice method=simple\n"},
		{name: "trace for programs", args: "trace 192.0.2.1 -o json", answers: map[string]string{"GET /trace/events": traced},
			stdout: `{"at":"2026-11-24T10:00:00Z","conn":7,"client":"192.0.2.1:5060","message":2,"kind":"request","what":"bind","attrs":[{"key":"name","value":"alice"},{"key":"method","value":"simple"}]}` + "\n" +
				`{"at":"2026-11-24T10:00:00Z","conn":7,"client":"192.0.2.1:5060","kind":"ended","what":"connection","attrs":[{"key":"reason","value":"a \u001b[2J b"}]}` + "\n"},
		{name: "trace shows no controls", args: "trace alice", answers: map[string]string{"GET /trace/events": traced}, stdout: "~- connection reason=\"a \uFFFD[2J b\"\n"},
		{name: "trace for ever", args: "trace alice --for 48h", code: 2, stderr: "--for 48h0m0s: it must be from 1s to 1h"},
		{name: "trace that is refused", args: "trace alice", answers: map[string]string{"GET /trace/events": "!429 others are following already"}, code: 1, stderr: "others are following already"},
		{name: "top once", args: "top --once --interval 100ms", asked: "GET /live\nGET /live?since=3", answers: map[string]string{"GET /live": liveNow}, stdout: topFrameText},
		{name: "top for programs", args: "top --once --interval 100ms -o json", answers: map[string]string{"GET /live": liveNow}, stdout: `~{"n":3,"at":"2026-11-24T10:00:00Z","seconds":2,`},
		{name: "top too often", args: "top --interval 1ms", code: 2, stderr: "--interval 1ms: it must be from 100ms to 1h"},
		{name: "no such profile", args: "pprof memory", code: 2, stderr: "there are cpu, heap"},
		{name: "a profile that takes too long", args: "pprof cpu --seconds 1000", code: 2, stderr: "--seconds must be from 0 to 300"},
		{name: "a profile", args: "pprof goroutine -f -", asked: "GET /debug/pprof/goroutine", answers: map[string]string{"GET /debug/pprof/goroutine": "profile"}, stdout: "profile"},
		{name: "too many audit records", args: "audit --limit 1001", code: 2, stderr: "--limit must be from 1 to 1000"},
		{name: "a token", args: "token new crm --scope read,contacts --expires 2999-01-31T00:00:00Z",
			answers: map[string]string{"PUT /tokens/crm": `{"effect":"created","kind":"token","name":"crm","password":"dt_secret"}`},
			asked:   `PUT /tokens/crm {"kind":"token","name":"crm","scopes":["read","contacts"],"expires":"2999-01-31T00:00:00Z"} If-None-Match: *`,
			stdout:  "dt_secret\n", stderr: "Its secret, shown this once"},
		{name: "a new secret", args: "device secret reception", asked: "POST /devices/reception/secret", answers: map[string]string{"POST /devices/reception/secret": `{"name":"reception","password":"abc"}`}, stdout: "abc\n", stderr: "shown this once"},
		{name: "a token that ended", args: "token new crm --scope read --expires 2001-01-31", code: 2, stderr: "--expires 2001-01-31: that is over already"},
		{name: "a token without scope", args: "token new crm", code: 2, stderr: "read, contacts, users, run, admin"},
		{name: "tokens", args: "token list -o yaml", answers: map[string]string{"GET /tokens": `{"items":[{"kind":"token","name":"crm","scopes":["read"],"expires":"2999-01-31T00:00:00Z"}]}`},
			stdout: "- kind: token\n  name: crm\n  scopes: [read]\n  expires: \"2999-01-31T00:00:00Z\"\n"},
		{name: "delete a token", args: "token delete crm", answers: map[string]string{"DELETE /tokens/crm": ""}, stdout: "deleted token crm\n"},
		{name: "throttled", args: "throttle list -o csv", answers: map[string]string{"GET /throttle": `{"users":[{"name":"alice","failures":5,"last":"2026-11-24T10:00:00Z","until":"2026-11-24T10:05:00Z"}],"addresses":[{"name":"192.0.2.7","failures":1,"last":"2026-11-24T10:00:00Z"}]}`},
			stdout: "kind,name,failures,last,shut_out_until\nuser,alice,5,2026-11-24T10:00:00Z,2026-11-24T10:05:00Z\naddress,192.0.2.7,1,2026-11-24T10:00:00Z,\n"},
		{name: "let an address in", args: "throttle reset address 2001:db8::/64", answers: map[string]string{"DELETE /throttle/addresses/2001:db8::/64": ""}, stdout: "forgot the failed logins of address 2001:db8::/64\n"},
		{name: "let a user in", args: "throttle reset user alice", answers: map[string]string{"DELETE /throttle/users/alice": ""}, asked: "DELETE /throttle/users/alice", stdout: "forgot the failed logins of user alice\n"},
		{name: "logins of one", args: "user logins alice --limit 2 -o csv", asked: "GET /logins?limit=2&user=alice",
			answers: map[string]string{"GET /logins": `[{"at":"2026-11-24T10:00:00Z","user":"alice","address":"192.0.2.1","method":"upstream","upstream":"corp","outcome":"refused","detail":"data 532","milliseconds":3.25}]`},
			stdout:  "at,user,outcome,address,method,upstream,took,detail\n2026-11-24T10:00:00Z,alice,refused,192.0.2.1,upstream,corp,3.25 ms,data 532\n"},
		{name: "bulk by names", args: "user bulk auth upstream --upstream corp alice bob --dry-run",
			answers: map[string]string{"POST /users/bulk": `{"changed":1,"unchanged":0,"skipped":[{"user":"bob","reason":"does not exist"}]}`},
			asked:   `POST /users/bulk {"users":["alice","bob"],"auth":{"method":"upstream","upstream":"corp"},"dry_run":true}`,
			stdout:  "LEFT ALONE  BECAUSE\nbob         does not exist\n1 user to be changed (dry run), 0 as they were, 1 left alone\n"},
		{name: "bulk from a file", args: "user bulk auth none --from -", stdin: "# leavers\nalice\n\n bob \n", answers: map[string]string{"POST /users/bulk": `{"changed":2,"unchanged":0}`},
			asked: `POST /users/bulk {"users":["alice","bob"],"auth":{"method":"none"}}`, stdout: "2 users changed, 0 as they were, 0 left alone\n"},
		{name: "bulk by selection", args: "user bulk auth internal --connector staff --has-method none",
			answers: map[string]string{"GET /users": `{"items":[{"username":"alice"}]}`, "POST /users/bulk": `{"changed":1,"unchanged":0}`},
			asked:   "GET /users?connector=staff&limit=5000&method=none\n" + `POST /users/bulk {"users":["alice"],"auth":{"method":"internal"}}`},
		{name: "bulk of nobody", args: "user bulk auth none --group x", answers: map[string]string{"GET /users": `{"items":[]}`}, code: 1, stderr: "no user is selected"},
		{name: "bulk in two ways", args: "user bulk auth none alice --group x", code: 2, stderr: "in one way"},
		{name: "bulk without users", args: "user bulk auth none", code: 2, stderr: "in one way"},
		{name: "bulk without upstream", args: "user bulk auth upstream alice", code: 2, stderr: "--upstream"},
		{name: "bulk disable", args: "user bulk disable alice", answers: map[string]string{"POST /users/bulk": `{"changed":1,"unchanged":0}`}, asked: `POST /users/bulk {"users":["alice"],"disabled":true}`},
		{name: "bulk enable", args: "user bulk enable --query x -o json", answers: map[string]string{"GET /users": `{"items":[{"username":"alice"}]}`, "POST /users/bulk": `{"changed":1,"unchanged":0}`},
			asked: "GET /users?limit=5000&q=x\n" + `POST /users/bulk {"users":["alice"],"disabled":false}`},
		{name: "trends", args: "trends --hours 2 -o csv", asked: "GET /trends?hours=2",
			answers: map[string]string{"GET /trends": `{"step":300000000000,"points":[{"at":"2026-11-24T10:00:00Z","accepted":3,"refused":1,"bind_p95_milliseconds":2.5,"connections":4}]}`},
			stdout:  "at,accepted,refused,throttled,not_found_out,bind_p95,searches,search_p95,connections\n2026-11-24T10:00:00Z,3,1,0,0,2.50 ms,0,0.00 ms,4\n"},
		{name: "import in the background", args: "import - --to users --background", stdin: "username\nalice\n", answers: map[string]string{"POST /import/jobs": jobRunning}, asked: "POST /import/jobs?file=-&to=users username\nalice\n", stdout: "j2\n"},
		{name: "origin", args: "entry origin user alice -o csv", answers: map[string]string{"GET /users/alice/origin": `{"id":"1","dn":"uid=alice","values":[{"field":"phone","values":["1","2"],"from":"hand"}]}`},
			stdout: "field,from,values\nphone,hand,\"1, 2\"\n"},
		{name: "origin for people", args: "entry origin user alice", answers: map[string]string{"GET /users/alice/origin": `{"id":"1","dn":"uid=alice","connector":"staff","local_auth":true,"values":[{"field":"phone","values":["1"],"from":"hand"}]}`},
			stdout: "id:    1\ndn:    uid=alice\nmade:  by connector staff\nlogin: set by hand: a sync leaves it alone\nFIELD  FROM  VALUES\nphone  hand  1\n"},
		{name: "origin of an object", args: "entry origin upstream corp", code: 2, stderr: "upstream is no kind of entry"},
		{name: "give back", args: "entry give-back user alice phone auth", answers: map[string]string{"DELETE /users/alice/local": ""}, asked: "DELETE /users/alice/local?field=phone&field=auth", stdout: "gave phone, auth of user alice back to its connector\n"},
		{name: "export", args: "export contacts --phonebook customers --format vcard", answers: map[string]string{"GET /export/contacts": "BEGIN:VCARD\r\n"}, asked: "GET /export/contacts?format=vcard&phonebook=customers", stdout: "BEGIN:VCARD\r\n"},
		{name: "export in no format", args: "export users --format pdf", code: 2, stderr: "the formats are csv, xlsx and vcard"},
		{name: "duplicates", args: "phonebook duplicates customers", answers: map[string]string{"GET /phonebooks/customers/duplicates": `{"groups":[{"by":"number","value":"+4930","contacts":[{"id":"a","displayname":"A","phone":["+4930"]}]}],"more":true}`},
			stdout: "SAME    VALUE  NAME  PHONE  ORGANISATION  CONNECTOR  ID\nnumber  +4930  A     +4930                           a\n… and more than these\n"},
		{name: "plan", args: "connector plan staff -o csv", answers: map[string]string{"GET /connectors/staff/plan": planReport},
			stdout: "change,name,field,old,new,note\ncreate,bob,,,,\nupdate,alice,phone,101,102,\nupdate,alice,title,,'=HYPERLINK(),\nreject,,,,,\"row 7, column mail: is no address\"\n"},
		{name: "plan for people", args: "connector plan staff", answers: map[string]string{"GET /connectors/staff/plan": planReport}, stdout: "~dry run: 1 created, 1 updated, 0 removed, 0 unchanged, 1 rejected"},
		{name: "show a run", args: "connector show staff-3", answers: map[string]string{"GET /runs/staff-3": `{"run":{"id":"staff-3","result":"done","created":1},"changes":[{"change":"create","name":"bob"}],"more":false,"undoable":true}`},
			stdout: "CHANGE  NAME  FIELD  OLD  NEW  NOTE\ncreate  bob\nstaff-3 done: 1 created, 0 updated, 0 removed, 0 unchanged, 0 rejected\n`dialtree connector undo staff-3` puts it back\n"},
		{name: "look", args: "connector look -f - --records 2", stdin: "kind: connector\nname: staff\nsource: {csv: {path: /x}}\n", answers: map[string]string{"POST /connectors/preview": `{"records":[{"row":1,"source":[{"name":"mail","values":["a@x"]}]}],"columns":["mail","tel"],"fields":["phone"]}`},
			asked:  `POST /connectors/preview?records=2 {"kind":"connector","name":"staff","source":{"csv":{"path":"/x"}}}`,
			stdout: "columns: mail, tel\nfields:  phone\nROW  RECORD     ENTRY\n1    mail: a@x\n"},
		{name: "look at something else", args: "connector look -f -", stdin: "kind: user\nusername: x\n", code: 1, stderr: "stdin:1: kind: is \"user\": a connector is expected"},
		{name: "look at a source that fails", args: "connector look -f -", stdin: "kind: connector\nname: x\n", answers: map[string]string{"POST /connectors/preview": `{"records":[],"error":"no such file"}`}, code: 1, stderr: "no such file"},
		{name: "next times", args: "connector next staff -o json", answers: map[string]string{"GET /connectors/staff": `{"schedule":"@every 1h","timezone":"Europe/Berlin"}`, "GET /schedule": `{"times":["2026-11-24T10:00:00Z"]}`},
			asked: "GET /connectors/staff\nGET /schedule?count=5&schedule=%40every+1h&timezone=Europe%2FBerlin", stdout: "{\n  \"times\": [\n    \"2026-11-24T10:00:00Z\"\n  ]\n}\n"},
		{name: "no schedule", args: "connector next staff", answers: map[string]string{"GET /connectors/staff": `{}`}, code: 1, stderr: "has no schedule"},
		{name: "upstream test", args: "upstream test corp", answers: map[string]string{"GET /upstreams/corp": `{"kind":"upstream","name":"corp"}`, "POST /upstreams/test": `{"servers":[{"url":"ldaps://dc1","ok":false,"steps":[{"name":"connect","detail":"refused","ok":false}]}],"example":"alice@corp"}`},
			code: 1, stdout: "ldaps://dc1\nFAIL  connect     0.00 ms  refused\nalice binds as alice@corp\n"},
		{name: "upstream test of a file", args: "upstream test -f - -o json", stdin: "kind: upstream\nname: corp\n", answers: map[string]string{"POST /upstreams/test": `{"servers":[],"example":""}`}, asked: `POST /upstreams/test {"kind":"upstream","name":"corp"}`},
		{name: "upstream test of nothing", args: "upstream test", code: 2, stderr: "name an upstream, or a file with -f"},
		{name: "overview", args: "overview", answers: map[string]string{"GET /overview": `{"ready":true,"logins":{"accepted":3,"p95_milliseconds":1.5},"upstreams":[{"name":"corp","servers":[{"url":"ldaps://dc1","up":false,"last_error":"timeout"}]}],"connectors":[],"entries":{"user":2,"contact":1},"phonebooks":{},"attention":[{"severity":"critical","subject":"corp","text":"No server answers."}],"checklist":[{"code":"tls","done":false},{"code":"users","done":true}]}`},
			code: 1, stdout: "ready:     yes\nlogins:    in the last hour 3 accepted, 0 refused, 0 throttled, 0 not found out; 0.00/s, 95% within 1.50 ms\nentries:   contact 1, user 2\nto set up: tls\n\n" +
				"SEVERITY  ABOUT  WHAT TO DO\ncritical  corp   No server answers.\n\nUPSTREAM  SERVER       STATE  LAST ERROR\ncorp      ldaps://dc1  down   timeout\n"},
		{name: "status is overview", args: "status -o yaml", answers: map[string]string{"GET /overview": `{"ready":true}`}, stdout: "~ready: true"},
		{name: "log", args: "log --level warn --query a --limit 3", asked: "GET /log?level=WARN&limit=3&q=a",
			answers: map[string]string{"GET /log": `[{"n":1,"at":"2026-11-24T10:00:00Z","level":"WARN","message":"odd","attrs":[{"key":"x","value":"a b"},{"key":"y","value":"z"}]}]`}, stdout: "~WARN  odd x=\"a b\" y=z\n"},
		{name: "log for programs", args: "log -o json", answers: map[string]string{"GET /log": `[{"n":1,"at":"2026-11-24T10:00:00Z","level":"INFO","message":"m"},{"n":2,"at":"2026-11-24T10:00:00Z","level":"INFO","message":"m"}]`},
			stdout: `{"n":1,"at":"2026-11-24T10:00:00Z","level":"INFO","message":"m"}` + "\n" + `{"n":2,"at":"2026-11-24T10:00:00Z","level":"INFO","message":"m"}` + "\n"},
		{name: "log of no level", args: "log --level loud", code: 2, stderr: "the levels are debug, info, warn and error"},
		{name: "configuration", args: "config show", answers: map[string]string{"GET /config": `[{"key":"ldap.listen","value":"[::]:389","default":"x","from":"file","where":"a.yaml:3","reload":false}]`},
			stdout: "KEY          VALUE     FROM  WHERE     RELOAD\nldap.listen  [::]:389  file  a.yaml:3\n"},
		{name: "certificates", args: "certificates -o csv", answers: map[string]string{"GET /certificates": `[{"use":"ldap","file":"c.pem","subject":"CN=x","names":["x","y"],"not_after":"2001-01-01T00:00:00Z"},{"use":"admin","file":"d.pem","error":"is not there"}]`},
			stdout: "use,state,expires,names,subject,file\nldap,expired,2001-01-01T00:00:00Z,\"x, y\",CN=x,c.pem\nadmin,is not there,,,,d.pem\n"},
		{name: "store", args: "store", answers: map[string]string{"GET /store": `{"dir":"/d","bytes":1048576,"disk_free":2097152,"change":7,"entries":{"user":1},"objects":{}}`},
			stdout: "directory:   /d\nsize:        1.0 MiB\ndisk free:   2.0 MiB\nchange:      7\nentries:     user 1\nlast backup: never by this server\n"},
		{name: "backup to standard output", args: "backup -", answers: map[string]string{"GET /backup": "bytes"}, stdout: "bytes"},
		{name: "jobs", args: "job list", answers: map[string]string{"GET /jobs": "[" + jobRunning + "," + jobEnded + "]"}, stdout: "~schedule  3 created, 0 updated, 0 removed, 0 rejected\n"},
		{name: "cancel", args: "job cancel j2", answers: map[string]string{"DELETE /jobs/j2": ""}, stdout: "cancelled job j2\n"},
		{name: "background", args: "connector run staff --background", answers: map[string]string{"POST /connectors/staff/jobs": jobRunning}, stdout: "j2\n"},
		{name: "watch what runs", args: "connector watch", answers: map[string]string{"GET /jobs": "[" + jobEnded + "," + jobRunning + "]", "GET /jobs/j2/events": runDone}, stdout: "staff-3 done: 2 created, 0 updated, 0 removed, 0 unchanged, 0 rejected\n", stderr: "fetch …"},
		{name: "watch what a guard stopped", args: "connector watch staff", answers: map[string]string{"GET /jobs": "[" + jobRunning + "]", "GET /jobs/j2/events": runStopped}, code: 3, stderr: "stopped by the guard: 90 of 100"},
		{name: "watch nothing", args: "connector watch", answers: map[string]string{"GET /jobs": "[" + jobEnded + "]"}, code: 1, stderr: "nothing runs"},
		{name: "watch what is unknown", args: "connector watch x", answers: map[string]string{"GET /jobs": "[]"}, code: 1, stderr: "nothing of x runs"},
		{name: "watch one of two", args: "connector watch", answers: map[string]string{"GET /jobs": "[" + jobRunning + "," + jobRunning + "]"}, code: 1, stderr: "several runs"},
		{name: "run and watch", args: "connector run staff --watch --dry-run", answers: map[string]string{"GET /jobs": "[" + jobRunning + "]", "POST /connectors/staff/jobs": jobRunning, "GET /jobs/j2/events": runDone}, asked: "GET /jobs\nPOST /connectors/staff/jobs?dry_run=true\nGET /jobs/j2/events"},
		{name: "watch the run of another", args: "connector run staff --watch", answers: map[string]string{"GET /jobs": "[" + jobRunning + "]", "GET /jobs/j2/events": runDone}, asked: "GET /jobs\nGET /jobs/j2/events", stderr: "started by carol: following that run"},
		{name: "watch and background", args: "connector run staff --watch --background", code: 2, stderr: "exclude each other"},
		{name: "select", args: "get users --query mü --method upstream --upstream corp --group g --state changed --limit 3 -o json", asked: "GET /users?group=g&limit=3&method=upstream&q=m%C3%BC&state=changed&upstream=corp", answers: map[string]string{"GET /users": `{"items":[]}`}, stdout: "[]\n"},
		{name: "select by no state", args: "get users --state odd", code: 2, stderr: "the states are enabled, disabled, changed, removed"},
		{name: "groups of contacts", args: "get contacts --group x", code: 2, stderr: "are for users"},
		{name: "tag", args: "get upstream corp --show-tag", answers: map[string]string{"GET /upstreams/corp": `{}`}, stdout: "\"tag-1\"\n"},
		{name: "delete what did not change", args: `delete upstream corp --if-match "tag-1"`, answers: map[string]string{"DELETE /upstreams/corp": ""}, asked: `DELETE /upstreams/corp If-Match: "tag-1"`},
		{name: "apply what did not change", args: "apply -f - --if-match x", stdin: "kind: user\nusername: alice\nphone: ['030']\n", answers: map[string]string{"PUT /users/alice": `{"effect":"updated","kind":"user","name":"alice"}`},
			asked: `PUT /users/alice {"kind":"user","username":"alice","phone":["030"]} If-Match: x`, stdout: "updated user alice\n"},
		{name: "apply many with a tag", args: "apply -f - --if-match x", stdin: "kind: user\n---\nkind: user\n", code: 1, stderr: "one document, not 2"},
		{name: "a problem is told", args: "job cancel j9", answers: map[string]string{"DELETE /jobs/j9": "!409 the job has ended"}, code: 1, stderr: "dialtree: the job has ended\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			server := newFakeServer(t, tc.answers)
			stdout, stderr, code := server.dialtree(t.Context(), tc.stdin, strings.Fields(tc.args)...)
			if code != tc.code {
				t.Errorf("exit code %d, want %d; standard error: %s", code, tc.code, stderr)
			}
			if part, ok := strings.CutPrefix(tc.stdout, "~"); tc.stdout != "" && (ok && !strings.Contains(stdout, part) || !ok && stdout != tc.stdout) {
				t.Errorf("standard output\n%s\nwant\n%s", stdout, tc.stdout)
			}
			if !strings.Contains(stderr, tc.stderr) {
				t.Errorf("standard error %q lacks %q", stderr, tc.stderr)
			}
			if asked := server.asked(); tc.asked != "" && asked != tc.asked {
				t.Errorf("asked\n%s\nwant\n%s", asked, tc.asked)
			}
		})
	}
}

func TestExportToFile(t *testing.T) {
	server := newFakeServer(t, map[string]string{"GET /export/users": "username\nalice\n"})
	path := filepath.Join(t.TempDir(), "users.csv")
	stdout, stderr, code := server.dialtree(t.Context(), "", "export", "users", "-f", path)
	if code != 0 || stdout != "" || !strings.Contains(stderr, "wrote "+path+" (15 bytes)") {
		t.Errorf("code %d, %q, %q", code, stdout, stderr)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "username\nalice\n" {
		t.Errorf("%q, %v", text, err)
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
		t.Errorf("%d files, %v: a part was left behind", len(entries), err)
	}
}

func TestInWords(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.Local)
	for in, want := range map[time.Duration]string{
		30 * time.Second: "Tuesday 24 November 2026 12:00, in 30 seconds",
		time.Minute:      "Tuesday 24 November 2026 12:01, in 1 minute",
		14 * time.Hour:   "Wednesday 25 November 2026 02:00, in 14 hours",
		100 * time.Hour:  "Saturday 28 November 2026 16:00, in 4 days",
	} {
		if got := inWords(now.Add(in), now); got != want {
			t.Errorf("%v: got %q, want %q", in, got, want)
		}
	}
}

func TestParseExpiry(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{
		"90d":                  "2027-02-22T12:00:00Z",
		"2027-01-31":           "2027-02-01T00:00:00Z", // the whole day is in
		"2027-01-31T10:00:00Z": "2027-01-31T10:00:00Z",
		"0d":                   "", "-1d": "", "d": "", "": "", "soon": "", "2026-11-23": "",
	} {
		got, err := parseExpiry(text, now)
		if want == "" {
			if err == nil {
				t.Errorf("%q was taken as %v", text, got)
			}
			continue
		}
		if err != nil || got.Format(time.RFC3339) != want {
			t.Errorf("%q: %v, %v; want %s", text, got, err, want)
		}
	}
}
