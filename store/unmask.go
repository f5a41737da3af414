package store

// Unmask puts the secrets of a stored object in the place of those that are masked in o, as Apply would: an administrator who
// tries something out need not enter them again. What stays masked has none there.
func Unmask(o, stored Object) {
	known := map[string]Secret{}
	eachSecret(stored, func(path string, s *Secret) { known[path] = *s })
	eachSecret(o, func(path string, s *Secret) {
		if kept, ok := known[path]; ok && s.IsMasked() {
			*s = kept
		}
	})
}
