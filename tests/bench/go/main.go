// The durable job cycle as a Go service is usually written: goroutines that
// share a consumer, a pool of database connections and one HTTP client; each
// has a channel of its own for its confirms. One transaction to lease a job,
// one to commit it.
//
//	bench-go GOROUTINES API_URL     AMQP_URL and DATABASE_URL: environment
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	amqp "github.com/rabbitmq/amqp091-go"
)

const connections = 32

var kinds = []string{"ssh_keys", "networks", "firewalls", "placement_groups"}

type job struct {
	ID      string `json:"id"`
	Cluster string `json:"cluster_id"`
	Step    int    `json:"step"`
}

type row struct {
	ID        int64
	Exchange  string
	Key       string
	MessageID string
	Body      []byte
}

type service struct {
	pool *pgxpool.Pool
	http *http.Client
	api  string
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// One transaction; returns the outbox rows that it wrote.
func (s *service) store(statement string, values ...any) ([]row, error) {
	rows, err := s.pool.Query(context.Background(), statement, values...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[row])
}

func (s *service) lease(j job) ([]row, error) {
	return s.store(`SELECT id, exchange, routing_key, message_id::text, body
		FROM plain.lease($1::uuid[], $2, $3::uuid[])`,
		[]string{j.Cluster}, []int{j.Step}, []string{j.ID})
}

func (s *service) commit(j job, id int64) ([]row, error) {
	return s.store(`SELECT id, exchange, routing_key, message_id::text, body
		FROM plain.commit($1::uuid[], $2, $3)`,
		[]string{j.Cluster}, []int{j.Step}, []int64{id})
}

func (s *service) call(j job) (int64, error) {
	kind := kinds[j.Step%len(kinds)]
	body, err := json.Marshal(map[string]any{
		"name":   fmt.Sprintf("%s-%d", j.Cluster, j.Step),
		"labels": map[string]string{"mengi.cloud/cluster": j.Cluster},
	})
	if err != nil {
		return 0, err
	}
	request, err := http.NewRequest("POST", s.api+"/"+kind,
		bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Authorization", "Bearer bench")
	request.Header.Set("Content-Type", "application/json")
	response, err := s.http.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err
	}
	var made map[string]struct {
		ID int64 `json:"id"`
	}
	if err := json.Unmarshal(text, &made); err != nil {
		return 0, err
	}
	for _, resource := range made {
		return resource.ID, nil
	}
	return 0, fmt.Errorf("no resource in %s", text)
}

// All at once, then one wait for all confirms.
func publish(channel *amqp.Channel, rows []row) error {
	var confirms []*amqp.DeferredConfirmation
	for _, r := range rows {
		confirm, err := channel.PublishWithDeferredConfirm(r.Exchange,
			r.Key, false, false, amqp.Publishing{
				ContentType:  "application/json",
				DeliveryMode: amqp.Persistent,
				MessageId:    r.MessageID,
				Body:         r.Body,
			})
		if err != nil {
			return err
		}
		confirms = append(confirms, confirm)
	}
	for _, confirm := range confirms {
		if !confirm.Wait() {
			return fmt.Errorf("a message was refused")
		}
	}
	return nil
}

func (s *service) handle(delivery amqp.Delivery, channel *amqp.Channel) error {
	var j job
	if err := json.Unmarshal(delivery.Body, &j); err != nil {
		return err
	}
	rows, err := s.lease(j)
	if err != nil {
		return err
	}
	id, err := s.call(j)
	if err != nil {
		return err
	}
	more, err := s.commit(j, id)
	if err != nil {
		return err
	}
	rows = append(rows, more...)
	if err := publish(channel, rows); err != nil {
		return err
	}
	var sent []int64
	for _, r := range rows {
		sent = append(sent, r.ID)
	}
	if _, err := s.pool.Exec(context.Background(),
		"DELETE FROM plain.outbox WHERE id = ANY ($1)", sent); err != nil {
		return err
	}
	return delivery.Ack(false)
}

func (s *service) work(publisher *amqp.Connection, jobs <-chan amqp.Delivery) {
	channel, err := publisher.Channel()
	must(err)
	must(channel.Confirm(false))
	for delivery := range jobs {
		must(s.handle(delivery, channel))
	}
}

func newService(goroutines int, api string) *service {
	config, err := pgxpool.ParseConfig(os.Getenv("DATABASE_URL"))
	must(err)
	config.MaxConns = connections
	pool, err := pgxpool.NewWithConfig(context.Background(), config)
	must(err)
	return &service{pool: pool, api: api, http: &http.Client{
		Transport: &http.Transport{MaxIdleConnsPerHost: goroutines}}}
}

func main() {
	goroutines, err := strconv.Atoi(os.Args[1])
	must(err)
	s := newService(goroutines, os.Args[2])
	consumer, err := amqp.Dial(os.Getenv("AMQP_URL"))
	must(err)
	publisher, err := amqp.Dial(os.Getenv("AMQP_URL"))
	must(err)
	channel, err := consumer.Channel()
	must(err)
	must(channel.Qos(goroutines, 0, false))
	jobs, err := channel.Consume("plain.jobs", "", false, false, false, false,
		nil)
	must(err)
	for range goroutines {
		go s.work(publisher, jobs)
	}
	select {}
}
