package admin

import (
	"encoding/json"
	"time"
)

// wireStep is a LoginStep as JSON holds it: with its duration in milliseconds.
type wireStep struct {
	Name         string  `json:"name"`
	Detail       string  `json:"detail"`
	OK           bool    `json:"ok"`
	Milliseconds float64 `json:"milliseconds"`
}

// MarshalJSON writes the duration as milliseconds.
func (s LoginStep) MarshalJSON() ([]byte, error) {
	return json.Marshal(wireStep{s.Name, s.Detail, s.OK, float64(s.Duration) / float64(time.Millisecond)})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (s *LoginStep) UnmarshalJSON(data []byte) error {
	var w wireStep
	if err := json.Unmarshal(data, &w); err != nil {
		return err
	}
	*s = LoginStep{w.Name, w.Detail, w.OK, time.Duration(w.Milliseconds * float64(time.Millisecond))}
	return nil
}
