package admin

import "context"

// KeepPeers is what Run does for the other nodes.
func (s *Server) KeepPeers(ctx context.Context) { s.keepPeers(ctx) }

// DecodePeerJob reads what another node told of a job, and writes it again.
func DecodePeerJob(p PublishedJob) (again []byte, ok bool) {
	j, ok := decodePeerJob(p)
	if !ok {
		return nil, false
	}
	again, err := j.encode()
	if err != nil {
		panic(err)
	}
	return again, true
}
