package libvirt

// MetadataKeys returns the keys of what Options.Metadata allows, in its order.
// The error names the first entry that is wrong.
func MetadataKeys(specs []string) ([]string, error) {
	paths, err := parseMetadataPaths(specs)
	if err != nil {
		return nil, err
	}
	keys := make([]string, 0, len(paths))
	for _, p := range paths {
		keys = append(keys, p.Key)
	}
	return keys, nil
}
