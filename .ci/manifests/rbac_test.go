package manifests

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
)

// Prometheus may list what it is told to look for: pods by the jobs of prometheus.yml,
// and besides the Service's and its endpoints by the operator's.
func TestPrometheusMayListItsTargets(t *testing.T) {
	read := []string{"get", "list", "watch"}
	for file, want := range map[string][]rbacv1.PolicyRule{
		"prometheus-rbac.yaml": {
			{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: read},
		},
		"operator/rbac.yaml": {
			{APIGroups: []string{""}, Resources: []string{"services", "endpoints", "pods"}, Verbs: read},
			{APIGroups: []string{"discovery.k8s.io"}, Resources: []string{"endpointslices"}, Verbs: read},
		},
	} {
		t.Run(file, func(t *testing.T) {
			role, binding := only[*rbacv1.Role](t, file), only[*rbacv1.RoleBinding](t, file)
			ref := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: role.Name}
			if role.Namespace != "virt-exporter" || binding.Namespace != role.Namespace || binding.RoleRef != ref {
				t.Errorf("%s of %s does not bind %s of %s", binding.Name, binding.Namespace, role.Name, role.Namespace)
			}
			if len(binding.Subjects) != 1 || binding.Subjects[0].Kind != rbacv1.ServiceAccountKind || binding.Subjects[0].Namespace == "" {
				t.Errorf("it is bound to %v", binding.Subjects)
			}
			if diff := cmp.Diff(want, role.Rules); diff != "" {
				t.Errorf("rights:\n%s", diff)
			}
		})
	}
}

// Both may be applied to one cluster.
func TestRolesHaveNamesOfTheirOwn(t *testing.T) {
	a, b := only[*rbacv1.Role](t, "prometheus-rbac.yaml"), only[*rbacv1.Role](t, "operator/rbac.yaml")
	if a.Name == b.Name {
		t.Errorf("two roles are called %s", a.Name)
	}
}
