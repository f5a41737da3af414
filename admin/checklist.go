package admin

import "github.com/dialtree/dialtree/store"

// checklist tells what a new installation still needs, in the order in which it is done.
func (s *Server) checklist(o *Overview) ([]ChecklistStep, error) {
	upstreams, err := s.options.Store.Objects(store.ObjectUpstream)
	if err != nil {
		return nil, err
	}
	devices, err := s.options.Store.Objects(store.ObjectDevice)
	if err != nil {
		return nil, err
	}
	scheduled, err := s.anyScheduled()
	if err != nil {
		return nil, err
	}
	contacts := false
	for _, n := range o.Phonebooks {
		contacts = contacts || n > 0
	}
	marks := s.marks.get()
	return []ChecklistStep{
		{"upstream", len(upstreams) > 0},
		{"users", o.Entries[store.KindUser.String()] > 0},
		{"login", marks.FirstLogin != nil},
		{"phonebook", contacts},
		{"device", len(devices) > 0},
		{"phone", marks.FirstQuery != nil},
		{"tls", s.options.Front.StartTLS},
		{"schedule", scheduled},
		{"backup", marks.LastBackup != nil},
	}, nil
}

// anyScheduled tells whether a connector runs by itself.
func (s *Server) anyScheduled() (bool, error) {
	objects, err := s.options.Store.Objects(store.ObjectConnector)
	for _, o := range objects {
		if c := o.(*store.Connector); c.Schedule != "" {
			return true, nil
		}
	}
	return false, err
}
