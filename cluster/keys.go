package cluster

import "fmt"

// What lies below the prefix in etcd. Values in braces are JSON in clear and hold names, numbers and times of nodes only; all else is sealed (seal.go).
//
//	cluster                  {ID, when it was made}, a newline, the Origin sealed: made once, by Init
//	log/head                 {index, chain, schema}
//	log/changes/INDEX        {index, chain, schema, node, kind, bytes, plain, draft, parts}, a newline, the change where it is small enough. plain is how long it is when it is
//	                         opened; kind is left out, or "replace": the content is that of the snapshot with this index
//	parts/DRAFT/PART         a piece of a change or of a snapshot that is too large for one request. Nobody looks at them before something names their draft
//	snapshots/INDEX          {index, chain, schema, node, made, bytes, plain, draft, parts, mac}. mac binds the content to the position, as a change's chain does
//	nodes/NAME               {…} of Node, with the node's lease
//	election/…, lock/…       etcd's
//	runs/CONNECTOR           {node, started, by}, with the node's lease: the claim of a run
//	jobs/NODE/ID             a run under way, with the node's lease
//	cancel/ID                asks the node that has a run to end it
//	caution/NODE/NUMBER      what logins at a node say about accounts and addresses, with short leases
const (
	keyCluster      = "cluster"
	keyHead         = "log/head"
	prefixLog       = "log/"
	prefixChanges   = "log/changes/"
	prefixParts     = "parts/"
	prefixSnapshots = "snapshots/"
	prefixNodes     = "nodes/"
	nameElection    = "election/"
	nameLock        = "lock/"
	prefixRuns      = "runs/"
	prefixJobs      = "jobs/"
	prefixCancel    = "cancel/"
	prefixCaution   = "caution/"
)

// changeKey is ordered by index.
func changeKey(index uint64) string   { return fmt.Sprintf("%s%016x", prefixChanges, index) }
func snapshotKey(index uint64) string { return fmt.Sprintf("%s%016x", prefixSnapshots, index) }
func partKey(draft string, n int) string {
	return fmt.Sprintf("%s%s/%06d", prefixParts, draft, n)
}
