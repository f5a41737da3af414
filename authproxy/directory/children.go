package directory

import (
	"github.com/dialtree/dialtree/authproxy/ldapwire"
	"github.com/dialtree/dialtree/store"
)

// nodes sends what of the result is no entry: the base of a base search, and the
// containers below it of a one-level one. Subtree searches leave containers out:
// a phone would show them as blank lines. done tells that this was all.
func (s *searcher) nodes(snap *snapshot, at *spot, views []view) (result Result, done bool, err error) {
	scope := s.query.Scope
	var found []*node
	switch {
	case at.kind == spotEntry:
		if scope == ldapwire.ScopeBaseObject || scope == ldapwire.ScopeWholeSubtree {
			return s.sendEntry(at.entry)
		}
		return Result{}, true, nil
	case scope == ldapwire.ScopeBaseObject, at.kind == spotDevice && scope == ldapwire.ScopeWholeSubtree,
		at.kind == spotSchema && scope == ldapwire.ScopeWholeSubtree:
		found, done = []*node{at.node}, true
	case scope == ldapwire.ScopeSingleLevel:
		found = snap.children(at, s.query.Reader, views)
		done = at.kind != spotUsers && at.kind != spotSpeedDials && at.kind != spotPhonebook
	case at.kind == spotDevices || at.kind == spotDevice || at.kind == spotSchema:
		done = true
	}
	result, err = s.sendNodes(found)
	return result, done || err != nil || result.Code != ldapwire.Success, err
}

// sendNodes sends those of the nodes that the filter is True on.
func (s *searcher) sendNodes(found []*node) (Result, error) {
	seen, matched := 0, 0
	if s.query.After != nil {
		seen = s.query.After.Seen
	}
	for _, n := range found {
		if s.cond.evalNode(n) != True {
			continue
		}
		if matched++; matched <= seen {
			continue
		}
		if matched > seen+s.query.Limit {
			return Result{Code: ldapwire.SizeLimitExceeded, More: &Cursor{Seen: matched - 1}}, nil
		}
		s.node = n
		err := s.emitOne()
		s.node = nil
		if err != nil {
			return Result{}, err
		}
	}
	return Result{}, nil
}

// children are the containers right below a spot.
func (snap *snapshot) children(at *spot, r *Reader, views []view) []*node {
	var found []*node
	switch at.kind {
	case spotRoot:
		found = append(found, snap.tree.baseNode())
	case spotBase:
		for _, kind := range [...]spotKind{spotUsers, spotPhonebooks, spotSpeedDials, spotDevices} {
			found = append(found, snap.branch(kind, r, views).node)
		}
	case spotPhonebooks:
		for _, v := range views {
			if v.home.kind == store.KindContact {
				found = append(found, v.home.node())
			}
		}
	case spotDevices:
		if r != nil && r.Device != "" {
			if d := snap.tree.device(r.Device, r); d.node != nil {
				found = append(found, d.node)
			}
		}
	}
	return found
}
