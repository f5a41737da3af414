package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"go.etcd.io/bbolt"
)

// update changes what is this node's own, or all of a store that shares nothing.
func (s *Store) update(ctx context.Context, f func(*writes) error) error {
	return s.write(ctx, func(tx *bbolt.Tx) error {
		if err := f(&writes{tx: tx}); err != nil {
			return err
		}
		m := readMembership(tx)
		if err := s.commit(tx); err != nil {
			return err
		}
		s.member.Store(m)
		return nil
	})
}

// Begin makes a store that is alone the first node of a cluster, at index 0. What is needed to undo its runs is kept within the bound that it has there.
func (s *Store) Begin(ctx context.Context, cluster string, chain [32]byte) error {
	err := s.update(ctx, func(w *writes) error {
		switch {
		case cluster == "":
			return errors.New("the cluster has no ID")
		case s.shares():
			return fmt.Errorf("it is a node of the cluster %s already", s.Membership().Cluster)
		case s.key == nil:
			return errors.New("it was opened read-only")
		}
		return errors.Join(trimAllImages(w, sharedImages), become(w, Membership{Cluster: cluster, Node: newUUID(), Position: Position{Chain: chain}}))
	})
	if err != nil {
		return fmt.Errorf("make the store in %s the first of a cluster: %w", s.dir, err)
	}
	return nil
}

// Leave makes a member a store of its own, with all that it has.
func (s *Store) Leave(ctx context.Context) error {
	err := s.update(ctx, func(w *writes) error {
		if !s.shares() {
			return errors.New("it is the node of no cluster")
		}
		b := w.table(bucketMeta)
		return errors.Join(takeHere(w), b.Delete(metaCluster), b.Delete(metaNode), b.Delete(metaIndex), b.Delete(metaChain))
	})
	if err != nil {
		return fmt.Errorf("take the store in %s out of its cluster: %w", s.dir, err)
	}
	return nil
}

// renumbered is how far Renumber goes at least: more changes than a store makes between a backup and its restoration.
const renumbered = 1 << 20

// Renumber gives the content of a member a Seq that no other node has had, before it takes the place of theirs: what readers of another content keep under
// its numbers must not pass for this one's. It counts on from the milliseconds since 1970, so that what was renumbered later is ahead, however old it is. The node's position is unknown from then on, as after a restore.
func (s *Store) Renumber(ctx context.Context) error {
	var st *state
	err := s.update(ctx, func(w *writes) error {
		if !s.shares() {
			return errors.New("it is the node of no cluster")
		}
		seq := max(metaNumber(w.tx, metaSeq)+renumbered, uint64(max(0, s.now().UnixMilli())))
		if err := errors.Join(w.tx.DeleteBucket(bucketLog), createBuckets(bucketLog)(w)); err != nil {
			return err
		}
		counts, err := readCounts(w.tx)
		if err != nil {
			return err
		}
		st = &state{seq: seq, counts: counts}
		return errors.Join(w.putMetaNumber(metaSeq, seq), w.putMetaNumber(metaLogRefs, 0), appendLog(w, seq, nil, nil), forgetPosition(w, s.Membership()))
	})
	if err != nil {
		return fmt.Errorf("renumber the store in %s: %w", s.dir, err)
	}
	s.publish(st)
	return nil
}

// Origin returns what a new node needs beside the content.
func (s *Store) Origin() (Origin, error) {
	if s.key == nil {
		return Origin{}, errors.New("the store was opened read-only and has no key yet: start dialtree serve once")
	}
	return Origin{StoreID: s.storeID, Key: Literal(s.key.text)}, nil
}

// forgetPosition has a member take the whole content from the others.
func forgetPosition(w *writes, m Membership) error {
	m.Node, m.Position = newUUID(), Position{Index: max(m.Index, 1)}
	return become(w, m)
}

// become writes a membership.
func become(w *writes, m Membership) error {
	b := w.table(bucketMeta)
	return errors.Join(b.Put(metaCluster, []byte(m.Cluster)), b.Put(metaNode, []byte(m.Node)), putPosition(w, m.Position))
}

func putPosition(w *writes, p Position) error {
	return errors.Join(w.putMetaNumber(metaIndex, p.Index), w.table(bucketMeta).Put(metaChain, p.Chain[:]))
}

func readMembership(tx *bbolt.Tx) *Membership {
	b := tx.Bucket(bucketMeta)
	m := &Membership{Cluster: string(b.Get(metaCluster)), Node: string(b.Get(metaNode))}
	m.Index = metaNumber(tx, metaIndex)
	copy(m.Chain[:], b.Get(metaChain))
	return m
}

// membership checks that the store is a node of a cluster or is not.
func (c *checker) membership() error {
	b := c.tx.Bucket(bucketMeta)
	cluster, node, index, chain := b.Get(metaCluster), b.Get(metaNode), b.Get(metaIndex), b.Get(metaChain)
	switch {
	case cluster == nil && node == nil && index == nil && chain == nil:
		return nil
	case len(cluster) == 0, len(node) == 0, len(index) != 8, len(chain) != 32:
		return c.report("membership", "the store is neither alone nor a whole node of a cluster: take it out with dialtree cluster leave and let it join again")
	}
	return nil
}

// newUUID returns a random UUID (RFC 9562, version 4).
func newUUID() string {
	var u [16]byte
	rand.Read(u[:]) // never fails, says crypto/rand
	u[6], u[8] = u[6]&0x0f|0x40, u[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}
