package ldapserver

// Connections is how many are open.
func (s *Server) Connections() int { return int(s.connections()) }

// Stopping tells whether it has begun to leave.
func (s *Server) Stopping() bool { return s.stopping.Load() }
