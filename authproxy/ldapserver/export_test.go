package ldapserver

// Connections is how many are open.
func (s *Server) Connections() int { return int(s.connections()) }
